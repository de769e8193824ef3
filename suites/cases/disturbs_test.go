package cases_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/cases"
)

// Pods that nothing happens to and that no policy selects are not disturbed. Those that a label
// brings under a policy at some time are, whatever of both an engine hears of first.
func TestDisturbs(t *testing.T) {
	policy := func(namespace, label, value string) cases.Action {
		return cases.ApplyPolicy{Policy: &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deny"},
			Spec:       netv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{label: value}}},
		}}
	}
	yb, web := cases.Ref{Namespace: "y", Name: "b"}, "web"
	tier, none := cases.LabelPod{Ref: yb, Labels: map[string]*string{"tier": &web}}, cases.LabelPod{Ref: yb, Labels: map[string]*string{"tier": nil}}
	tests := []struct {
		name  string
		steps []cases.Step
		want  []string
	}{
		{"a policy", []cases.Step{{Do: []cases.Action{policy("x", "pod", "a")}}}, []string{"x/a"}},
		{"a policy of nobody", []cases.Step{{Do: []cases.Action{policy("y", "tier", web)}}}, nil},
		{"a label without a policy", []cases.Step{{Do: []cases.Action{tier}}}, nil},
		{"a label and then a policy", []cases.Step{{Do: []cases.Action{tier}}, {Do: []cases.Action{policy("y", "tier", web)}}}, []string{"y/b"}},
		{"a label that goes before the policy comes", []cases.Step{{Do: []cases.Action{tier, none, policy("y", "tier", web)}}}, []string{"y/b"}},
		{"a policy of another namespace", []cases.Step{{Do: []cases.Action{tier, policy("z", "tier", web)}}}, nil},
		{"a pod that goes, and comes back when the case is undone", []cases.Step{{Do: []cases.Action{cases.DeletePod{Ref: yb}}}}, []string{"y/b"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := cases.Case{Steps: tc.steps}.Disturbs(len(tc.steps) - 1)
			delete(got, "") // what creates no pod
			if d := cmp.Diff(tc.want, slices.Sorted(maps.Keys(got))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
