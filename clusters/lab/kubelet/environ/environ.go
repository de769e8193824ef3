// Package environ computes the environment, the command line and the image of a lab
// container from its spec. It reads nothing but its arguments.
package environ

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Facts are what a container's environment can refer to.
type Facts struct {
	Pod             *corev1.Pod
	PodIPs, HostIPs []string // the primary family first
}

// Vars are the container's variables as KEY=VALUE, in the order of the spec; of two with
// one name the later counts. The error names the variable and what it wants.
func Vars(c *corev1.Container, f Facts) ([]string, error) {
	if len(c.EnvFrom) > 0 {
		return nil, fmt.Errorf("container %s: envFrom: the lab knows env with value and fieldRef only", c.Name)
	}
	known := map[string]string{}
	out := make([]string, 0, len(c.Env))
	for _, v := range c.Env {
		value, err := resolve(v, known, f)
		if err != nil {
			return nil, fmt.Errorf("container %s: env %s: %w", c.Name, v.Name, err)
		}
		known[v.Name] = value
		out = append(out, v.Name+"="+value)
	}
	return out, nil
}

func resolve(v corev1.EnvVar, known map[string]string, f Facts) (string, error) {
	switch {
	case v.ValueFrom == nil:
		return Expand(v.Value, known), nil
	case v.ValueFrom.FieldRef != nil:
		return field(v.ValueFrom.FieldRef.FieldPath, f)
	default:
		return "", errors.New("the lab knows value and fieldRef only")
	}
}

// field is the value of a field path of the downward API:
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
func field(path string, f Facts) (string, error) {
	value, ok := map[string]string{
		"metadata.name":           f.Pod.Name,
		"metadata.namespace":      f.Pod.Namespace,
		"metadata.uid":            string(f.Pod.UID),
		"spec.nodeName":           f.Pod.Spec.NodeName,
		"spec.serviceAccountName": f.Pod.Spec.ServiceAccountName,
		"status.podIP":            f.PodIPs[0],
		"status.podIPs":           strings.Join(f.PodIPs, ","),
		"status.hostIP":           f.HostIPs[0],
		"status.hostIPs":          strings.Join(f.HostIPs, ","),
	}[path]
	if !ok {
		return "", fmt.Errorf("unknown fieldPath %q", path)
	}
	return value, nil
}
