package existing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestParseToleration(t *testing.T) {
	for _, tc := range []struct {
		text string
		want corev1.Toleration
		err  string
	}{
		{text: "team", want: corev1.Toleration{Key: "team", Operator: corev1.TolerationOpExists}},
		{text: "example.com/team:NoExecute", want: corev1.Toleration{Key: "example.com/team", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
		{text: "team=a:NoSchedule", want: corev1.Toleration{Key: "team", Operator: corev1.TolerationOpEqual, Value: "a", Effect: corev1.TaintEffectNoSchedule}},
		{text: "team=", want: corev1.Toleration{Key: "team", Operator: corev1.TolerationOpEqual}},
		{text: "", err: `key ""`},
		{text: "a b", err: `key "a b"`},
		{text: "team:Sometimes", err: `effect "Sometimes" is none of`},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, err := ParseToleration(tc.text)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadPullSecret(t *testing.T) {
	for _, tc := range []struct{ name, text, err string }{
		{"credentials", `{"auths":{"reg.example":{"auth":"dTpw"}}}`, ""},
		{"a helper has them", `{"auths":{"reg.example":{}},"credsStore":"desktop"}`, "log in without one"},
		{"no JSON", `auths`, "config.json of docker login"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.json")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadPullSecret(file)
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("error %v, want %q", err, tc.err)
			}
			if tc.err == "" && string(got) != tc.text {
				t.Errorf("got %s", got)
			}
		})
	}
}
