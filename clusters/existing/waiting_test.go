package existing

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node waits until an agent on it is ready and stays.
func TestWaiting(t *testing.T) {
	agent := func(node string, status corev1.ConditionStatus, ends bool) corev1.Pod {
		p := corev1.Pod{Spec: corev1.PodSpec{NodeName: node}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: status}}
		if ends {
			p.DeletionTimestamp = &metav1.Time{}
		}
		return p
	}
	got := waiting([]string{"a", "b", "c", "d", "e"}, []corev1.Pod{
		agent("a", corev1.ConditionTrue, false),
		agent("b", corev1.ConditionFalse, false),
		agent("c", corev1.ConditionTrue, true),
		agent("d", corev1.ConditionFalse, true), agent("d", corev1.ConditionTrue, false),
	})
	if diff := cmp.Diff([]string{"b", "c", "e"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
