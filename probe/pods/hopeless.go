package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Hopeless is why a pod will not run however long it is waited for: what a kubelet says of
// an image that is misnamed, that is not there and may not be pulled, or that a registry does not
// have or give. A registry that can't be reached may be so again.
func Hopeless(p *corev1.Pod) error {
	if p == nil {
		return nil // nobody has seen it yet
	}
	if p.Status.Phase == corev1.PodFailed && p.Status.Reason != "" {
		return fmt.Errorf("node %s refuses it: %s: %s", p.Spec.NodeName, p.Status.Reason, p.Status.Message)
	}
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		w := c.State.Waiting
		switch {
		case w == nil:
		case w.Reason == "InvalidImageName", w.Reason == "ErrImageNeverPull":
			return fmt.Errorf("container %s can't start: %s; see --image and --registry", c.Name, w.Reason)
		case w.Reason == "ErrImagePull" && refused(w.Message), w.Reason == "ImagePullBackOff" && refused(w.Message):
			return fmt.Errorf("node %s can't pull image %s: %s; see --image, --registry and --pull-secret", p.Spec.NodeName, c.Image, strings.Join(strings.Fields(w.Message), " "))
		}
	}
	return nil
}

// refused reports whether a registry has answered, and will not answer otherwise.
func refused(message string) bool {
	return slices.ContainsFunc([]string{"not found", "manifest unknown", "unauthorized", "denied", "no match for platform"}, func(word string) bool {
		return strings.Contains(message, word)
	})
}
