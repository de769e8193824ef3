package reference

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestParseManifests(t *testing.T) {
	text := "# a comment\nkind: ServiceAccount\nmetadata: {name: a, namespace: ns}\n---\nkind: DaemonSet\nmetadata:\n  name: b\n"
	objects, err := parseManifests(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
	if diff := cmp.Diff([]string{"ServiceAccount ns/a", "DaemonSet /b"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"", "kind: A\n", "metadata: {name: a}\n", "a: b\n  c", text + "\n---\n"} {
		if _, err := parseManifests(bad); err == nil || !strings.Contains(err.Error(), "document") {
			t.Errorf("%q: error %v, want one that names the document", bad, err)
		}
	}
}

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
	objects, err := parseManifests("kind: ServiceAccount\nmetadata: {name: a}\n---\nkind: DaemonSet\nmetadata: {name: b}\n" +
		"spec: {template: {spec: {containers: [{name: enforcer, args: [--one]}]}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := addArgs(objects, []string{"--two"}); err != nil {
		t.Fatal(err)
	}
	containers, _, err := unstructured.NestedSlice(objects[1].Object, "spec", "template", "spec", "containers")
	want := []any{map[string]any{"name": "enforcer", "args": []any{"--one", "--two"}}}
	if diff := cmp.Diff(want, containers); diff != "" || err != nil {
		t.Errorf("containers, %v (-want +got):\n%s", err, diff)
	}
}
