package reference

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/netassay/netassay/engines/objects"
)

func TestNotRolledOut(t *testing.T) {
	status := appsv1.DaemonSetStatus{
		ObservedGeneration: 2, DesiredNumberScheduled: 3, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3, NumberReady: 3,
	}
	for _, tc := range []struct {
		name   string
		change func(*appsv1.DaemonSetStatus)
		want   string
	}{
		{"done", func(*appsv1.DaemonSetStatus) {}, ""},
		{"fresh", func(s *appsv1.DaemonSetStatus) { *s = appsv1.DaemonSetStatus{} }, "not looked at yet"},
		{"of the last generation", func(s *appsv1.DaemonSetStatus) { s.ObservedGeneration = 1 }, "not looked at yet"},
		{"a node is left out", func(s *appsv1.DaemonSetStatus) { s.DesiredNumberScheduled = 2 }, "scheduled to 2 nodes"},
		{"an old pod", func(s *appsv1.DaemonSetStatus) { s.UpdatedNumberScheduled = 2 }, "2 of 3 pods are of the present version"},
		{"not in sync", func(s *appsv1.DaemonSetStatus) { s.NumberReady = 1 }, "1 of 3 pods are ready"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ds := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: status}
			tc.change(&ds.Status)
			if got := notRolledOut(ds, 3); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestAddArgs(t *testing.T) {
	manifests, err := objects.Parse("manifests", "kind: ServiceAccount\nmetadata: {name: a}\n---\nkind: DaemonSet\nmetadata: {name: b}\n"+
		"spec: {template: {spec: {containers: [{name: enforcer, args: [--one]}]}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := addArgs(manifests, []string{"--two"}); err != nil {
		t.Fatal(err)
	}
	containers, _, err := unstructured.NestedSlice(manifests[1].Object, "spec", "template", "spec", "containers")
	want := []any{map[string]any{"name": "enforcer", "args": []any{"--one", "--two"}}}
	if diff := cmp.Diff(want, containers); diff != "" || err != nil {
		t.Errorf("containers, %v (-want +got):\n%s", err, diff)
	}
}
