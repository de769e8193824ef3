package cilium

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An agent's account agrees with the API server when they name the same labels of pod and
// namespace, whatever else Cilium adds or leaves out by itself.
func TestIdentity(t *testing.T) {
	want := identity(
		map[string]string{"ns": "x", "kubernetes.io/metadata.name": "real-x"},
		map[string]string{"pod": "a", "pod-template-hash": "1", "example.com/key": "v"},
	)
	got := counted([]string{
		"k8s:pod=a", "k8s:io.cilium.k8s.policy.cluster=default", "k8s:io.kubernetes.pod.namespace=real-x",
		"k8s:io.cilium.k8s.namespace.labels.ns=x", "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=real-x",
		"k8s:example.com/key=v", "gen:io.cilium.k8s.named-ports=web.TCP.80", "k8s:io.cilium.k8s.policy.serviceaccount=default",
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(got) != 3 {
		t.Errorf("compared by %v", got)
	}
	if late := counted([]string{"k8s:pod=b"}); cmp.Equal(want, late) {
		t.Error("another label counts as the same")
	}
}
