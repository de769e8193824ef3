// Package environ computes the environment, the command line and the image of a lab
// container from its spec. It reads nothing but its arguments.
package environ

import (
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
	// ConfigMap and Secret give the data of a named object in the pod's namespace and
	// whether it exists.
	ConfigMap func(name string) (map[string]string, bool, error)
	Secret    func(name string) (map[string]string, bool, error)
}

// Vars are the container's variables as KEY=VALUE, in the order of the spec; of two with
// one name the later counts. The error names the variable and what it wants.
func Vars(c *corev1.Container, f Facts) ([]string, error) {
	e := env{values: map[string]string{}}
	for _, from := range c.EnvFrom {
		if err := e.addAll(from, f); err != nil {
			return nil, fmt.Errorf("container %s: %w", c.Name, err)
		}
	}
	for _, v := range c.Env {
		value, ok, err := resolve(v, e.values, f)
		if err != nil {
			return nil, fmt.Errorf("container %s: env %s: %w", c.Name, v.Name, err)
		}
		if ok {
			e.set(v.Name, value)
		}
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

func (e *env) addAll(from corev1.EnvFromSource, f Facts) error {
	var data map[string]string
	var err error
	switch {
	case from.ConfigMapRef != nil:
		data, err = object(f.ConfigMap, "config map", from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
	case from.SecretRef != nil:
		data, err = object(f.Secret, "secret", from.SecretRef.Name, from.SecretRef.Optional)
	}
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(data) {
		e.set(from.Prefix+key, data[key])
	}
	return nil
}

func resolve(v corev1.EnvVar, known map[string]string, f Facts) (string, bool, error) {
	from := v.ValueFrom
	switch {
	case from == nil:
		return Expand(v.Value, known), true, nil
	case from.FieldRef != nil:
		value, err := field(from.FieldRef.FieldPath, f)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		return key(f.ConfigMap, "config map", r.Name, r.Key, r.Optional)
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		return key(f.Secret, "secret", r.Name, r.Key, r.Optional)
	default:
		return "", false, fmt.Errorf("the lab knows value, fieldRef, configMapKeyRef and secretKeyRef only")
	}
}

type lookup func(name string) (map[string]string, bool, error)

func object(get lookup, kind, name string, optional *bool) (map[string]string, error) {
	if get == nil {
		return nil, fmt.Errorf("%s %q can't be read here", kind, name)
	}
	data, ok, err := get(name)
	if err != nil {
		return nil, fmt.Errorf("read %s %q: %w", kind, name, err)
	}
	switch {
	case ok:
		return data, nil
	case optional != nil && *optional:
		return nil, nil
	default:
		return nil, fmt.Errorf("%s %q not found", kind, name)
	}
}

func key(get lookup, kind, name, key string, optional *bool) (string, bool, error) {
	data, err := object(get, kind, name, optional)
	if err != nil {
		return "", false, err
	}
	value, ok := data[key]
	if !ok && (optional == nil || !*optional) {
		return "", false, fmt.Errorf("%s %q has no key %q", kind, name, key)
	}
	return value, ok, nil
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
