package environ

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

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
