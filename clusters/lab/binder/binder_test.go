package binder

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestPlaceTakesTurns(t *testing.T) {
	b := &binder{nodes: []Node{
		{Name: "node1", Labels: map[string]string{"disk": "a"}},
		{Name: "node2", Labels: map[string]string{"disk": "b"}},
		{Name: "node3", Labels: map[string]string{"disk": "a"}},
	}}
	var got []string
	for _, disk := range []string{"", "", "a", "a", "b", "", "c"} {
		pod := &corev1.Pod{}
		if disk != "" {
			pod.Spec.NodeSelector = map[string]string{"disk": disk}
		}
		node, ok := b.place(pod)
		if !ok {
			node = "none"
		}
		got = append(got, node)
	}
	want := []string{"node1", "node2", "node3", "node1", "node2", "node3", "none"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
