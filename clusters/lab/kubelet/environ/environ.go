// Package environ computes the environment, the command line and the image of a lab
// container from its spec. It reads nothing but its arguments.
package environ

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Facts are what a container's environment can refer to.
type Facts struct {
	Pod      *corev1.Pod
	PodIPs   []string
	HostIPs  []string
	NodeName string
}

// Vars are the container's variables as KEY=VALUE, in the order of the spec; of two with
// one name the later counts. The error names the variable and what it wants.
func Vars(c *corev1.Container, f Facts) ([]string, error) {
	e := env{values: map[string]string{}}
	if len(c.EnvFrom) > 0 {
		return nil, fmt.Errorf("container %s: envFrom: the lab knows env with value and fieldRef only", c.Name)
	}
	for _, v := range c.Env {
		value, err := resolve(v, e.values, f)
		if err != nil {
			return nil, fmt.Errorf("container %s: env %s: %w", c.Name, v.Name, err)
		}
		e.set(v.Name, value)
	}
	out := make([]string, 0, len(e.order))
	for _, name := range e.order {
		out = append(out, name+"="+e.values[name])
	}
	return out, nil
}

// env keeps variables in the order of their first mention.
type env struct {
	order  []string
	values map[string]string
}

func (e *env) set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.order = append(e.order, name)
	}
	e.values[name] = value
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
	pod := f.Pod
	if name, ok := subscript(path, "metadata.labels"); ok {
		return pod.Labels[name], nil
	}
	if name, ok := subscript(path, "metadata.annotations"); ok {
		return pod.Annotations[name], nil
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "spec.nodeName":
		return f.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.podIP":
		return first(f.PodIPs), nil
	case "status.podIPs":
		return strings.Join(f.PodIPs, ","), nil
	case "status.hostIP":
		return first(f.HostIPs), nil
	case "status.hostIPs":
		return strings.Join(f.HostIPs, ","), nil
	}
	return "", fmt.Errorf("unknown fieldPath %s", strconv.Quote(path))
}

// subscript is x of path "field['x']".
func subscript(path, field string) (string, bool) {
	rest, ok := strings.CutPrefix(path, field+"['")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "']")
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
