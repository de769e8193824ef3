// Package environ computes the environment, the command line and the image of a lab
// container from its spec. It reads nothing but its arguments.
package environ

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
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

var reference = regexp.MustCompile(`\$\$|\$\([^)]*\)`)

// Expand replaces each $(NAME) in s by the variable of that name. "If a variable cannot be
// resolved, the reference in the input string will be unchanged. Double $$ are reduced to
// a single $": the documentation of corev1.Container.Command. Values are not expanded
// again.
func Expand(s string, vars map[string]string) string {
	return reference.ReplaceAllStringFunc(s, func(ref string) string {
		if ref == "$$" {
			return "$"
		}
		if value, ok := vars[ref[len("$("):len(ref)-len(")")]]; ok {
			return value
		}
		return ref
	})
}

// Image is what the lab runs in place of a container image: one program.
type Image struct {
	Path string // of the program inside the image, where it is the entrypoint: / and the image's name
	Host string // of the binary on the host
}

// ImageName is the key under which an image is looked up: the last element of its path,
// without registry, tag and digest.
func ImageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndex(ref, "/")+1:]
	name, _, _ := strings.Cut(ref, ":")
	return name
}

// ErrUnknownImage is an image that has no local binary.
var ErrUnknownImage = errors.New("the lab, which runs local binaries, does not know the image")

// FindImage is the image that ref stands for, among the binaries of the host by the names of
// their images. The error is ErrUnknownImage and names those that there are.
func FindImage(binaries map[string]string, ref string) (Image, error) {
	name := ImageName(ref)
	if host, ok := binaries[name]; ok {
		return Image{Path: "/" + name, Host: host}, nil
	}
	return Image{}, fmt.Errorf("%w %q; known images: %s", ErrUnknownImage, ref,
		strings.Join(slices.Sorted(maps.Keys(binaries)), ", "))
}

// Command is the container's command line, with variables expanded, as the image's author
// would see it: host paths are put in by Image.Resolve.
func Command(c *corev1.Container, image Image, vars []string) []string {
	known := make(map[string]string, len(vars))
	for _, kv := range vars {
		name, value, _ := strings.Cut(kv, "=")
		known[name] = value
	}
	words := slices.Clone(c.Command)
	if len(words) == 0 {
		words = []string{image.Path}
	}
	words = append(words, c.Args...)
	for i := range words {
		words[i] = Expand(words[i], known)
	}
	return words
}

// Resolve puts the binary on the host in the place of the program's path in the image.
func (i Image) Resolve(argv []string) []string {
	if len(argv) == 0 || argv[0] != i.Path {
		return argv
	}
	return append([]string{i.Host}, argv[1:]...)
}
