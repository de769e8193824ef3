package existing

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// ParseToleration reads a taint to tolerate as kubectl taint writes it: "key",
// "key:NoSchedule", "key=value" or "key=value:NoExecute".
func ParseToleration(text string) (corev1.Toleration, error) {
	rest, effect, _ := strings.Cut(text, ":")
	key, value, hasValue := strings.Cut(rest, "=")
	t := corev1.Toleration{Key: key, Effect: corev1.TaintEffect(effect), Operator: corev1.TolerationOpExists}
	if hasValue {
		t.Operator, t.Value = corev1.TolerationOpEqual, value
	}
	if problems := validation.IsQualifiedName(key); len(problems) > 0 {
		return t, fmt.Errorf("toleration %q: key %q: %s: write key=value:Effect, as in kubectl taint", text, key, problems[0])
	}
	switch t.Effect {
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule:
		return t, nil
	default:
		return t, fmt.Errorf("toleration %q: effect %q is none of NoSchedule, NoExecute, PreferNoSchedule", text, effect)
	}
}

// ReadPullSecret reads registry credentials as docker login writes them (config.json), for
// a Secret of type kubernetes.io/dockerconfigjson.
func ReadPullSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read pull secret: %w", err)
	}
	var config struct {
		Auths map[string]struct {
			Auth, IdentityToken string
		} `json:"auths"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read pull secret %s: %w: it must be a config.json of docker login", path, err)
	}
	for _, a := range config.Auths {
		if a.Auth != "" || a.IdentityToken != "" {
			return text, nil
		}
	}
	return nil, fmt.Errorf("pull secret %s has no credentials in auths: a credential helper keeps them elsewhere; log in without one", path)
}
