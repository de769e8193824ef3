package hollow

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/scale/load"
)

// A DaemonSet that had conditions of its own keeps them, and none of its alternatives lets
// it onto a hollow node.
func TestKeepOff(t *testing.T) {
	off := corev1.NodeSelectorRequirement{Key: load.Hollow, Operator: corev1.NodeSelectorOpDoesNotExist}
	linux := corev1.NodeSelectorRequirement{Key: "kubernetes.io/os", Operator: corev1.NodeSelectorOpIn, Values: []string{"linux"}}
	edge := corev1.NodeSelectorRequirement{Key: "edge", Operator: corev1.NodeSelectorOpExists}
	term := func(all ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: all}
	}
	required := func(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}
	}
	for _, tc := range []struct {
		name      string
		had, want *corev1.Affinity
	}{
		{"none", nil, required(term(off))},
		{"for other pods only", &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}, required(term(off))},
		{"alternatives", required(term(linux), term(edge)), required(term(linux, off), term(edge, off))},
	} {
		pod := corev1.PodSpec{Affinity: tc.had}
		if !keepOff(&pod) {
			t.Errorf("%s: nothing changed", tc.name)
		}
		if diff := cmp.Diff(tc.want, pod.Affinity); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if keepOff(&pod) {
			t.Errorf("%s: the second time changes something", tc.name)
		}
	}
}

// What pods and nodes say to KWOK is what its configuration reads.
func TestKwokReadsWhatIsWritten(t *testing.T) {
	p := playedObject(load.Pod{Name: "a", IPs: []netip.Addr{netip.MustParseAddr("100.64.0.10"), netip.MustParseAddr("fd00::10")}})
	want := map[string]string{ipv4Annotation: "100.64.0.10", ipv6Annotation: "fd00::10"}
	if diff := cmp.Diff(want, p.Annotations); diff != "" {
		t.Errorf("annotations of a pod (-want +got):\n%s", diff)
	}
	if p.Status.Phase != "" || len(p.Status.PodIPs) != 0 {
		t.Errorf("the pod has a status already: %+v", p.Status)
	}
	for _, key := range []string{kubeletAnnotation + "=" + KwokProgram, `"` + ipv4Annotation + `"`, `"` + ipv6Annotation + `"`} {
		if !strings.Contains(string(kwokConfig), key) {
			t.Errorf("kwok.yaml does not read %s", key)
		}
	}
}
