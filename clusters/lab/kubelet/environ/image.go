package environ

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Image is what the lab runs in place of a container image.
type Image struct {
	// Entrypoint is the command of containers that give none. Its first element is looked
	// up in Files, too.
	Entrypoint []string
	// Files maps a program's path inside the image to the binary on the host.
	Files map[string]string
}

// ImageName is the key under which an image is looked up: the last element of its path,
// without registry, tag and digest.
func ImageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	ref = ref[strings.LastIndex(ref, "/")+1:]
	name, _, _ := strings.Cut(ref, ":")
	return name
}

// UnknownImageError is an image that has no local binaries.
type UnknownImageError struct {
	Ref   string
	Known []string // sorted
}

func (e *UnknownImageError) Error() string {
	return fmt.Sprintf("image %q is not known to the lab, which runs local binaries; known images: %s",
		e.Ref, strings.Join(e.Known, ", "))
}

// FindImage is the image that ref stands for; the error is an *UnknownImageError.
func FindImage(images map[string]Image, ref string) (Image, error) {
	if image, ok := images[ImageName(ref)]; ok {
		return image, nil
	}
	return Image{}, &UnknownImageError{Ref: ref, Known: slices.Sorted(maps.Keys(images))}
}

// Command is the container's command line, with variables expanded, as the image's author
// would see it: host paths are put in by Image.Resolve.
func Command(c *corev1.Container, image Image, vars []string) ([]string, error) {
	known := Map(vars)
	argv := expandAll(c.Command, known)
	if len(argv) == 0 {
		argv = slices.Clone(image.Entrypoint)
	}
	argv = append(argv, expandAll(c.Args, known)...)
	if len(argv) == 0 {
		return nil, fmt.Errorf("container %s: no command given and image %s has no entrypoint", c.Name, c.Image)
	}
	return argv, nil
}

// Resolve puts the binary on the host in the place of the program's path in the image.
func (i Image) Resolve(argv []string) []string {
	if len(argv) == 0 {
		return argv
	}
	host, ok := i.Files[argv[0]]
	if !ok {
		return argv
	}
	return append([]string{host}, argv[1:]...)
}
