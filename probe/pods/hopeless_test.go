package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// An image that a registry does not have is told of at once; a registry that can't be reached
// may be reached later.
func TestHopeless(t *testing.T) {
	for _, tc := range []struct{ reason, message, want string }{
		{"ContainerCreating", "", ""},
		{"InvalidImageName", "", "container probe can't start: InvalidImageName; see --image and --registry"},
		{"ErrImageNeverPull", "", "container probe can't start: ErrImageNeverPull; see --image and --registry"},
		{"ErrImagePull", "dial tcp: lookup r: i/o timeout", ""},
		{"ImagePullBackOff", "Back-off pulling image", ""},
		{"ErrImagePull", "r/p:1:\n not found", "node n can't pull image r/p:1: r/p:1: not found; see --image, --registry and --pull-secret"},
		{"ImagePullBackOff", "pull access denied", "node n can't pull image r/p:1: pull access denied; see --image, --registry and --pull-secret"},
	} {
		err := Hopeless(&corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "probe", Image: "r/p:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: tc.reason, Message: tc.message}},
		}}}})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s %q: %q, want %q", tc.reason, tc.message, got, tc.want)
		}
	}
}
