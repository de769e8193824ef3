package runner

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

var both = []model.Family{model.IPv4, model.IPv6}

func TestWants(t *testing.T) {
	c := cases.Case{
		Probes: []cases.Probe{{Port: 80, Protocol: corev1.ProtocolTCP}},
		Paths:  []cases.Path{cases.PathPod, cases.PathService},
		Steps:  []cases.Step{{Expect: []cases.Expect{{Clients: []cases.Pattern{"*"}, Servers: []cases.Pattern{"x/a"}, Verdict: model.Deny}}}},
	}
	nodes := c
	nodes.Nodes = []cases.NodeRole{cases.NodeClient, cases.NodeServer}
	tests := []struct {
		name  string
		c     cases.Case
		step  int
		cells int
		deny  int
	}{
		{"before the first step all is allowed", c, -1, 81 * 2 * 2, 0},
		{"after it", c, 0, 81 * 2 * 2, 8 * 2 * 2},
		{"nodes meet pods, never each other, and have no service", nodes, 0, (81+27)*2*2 + 27*2, (8 + 3) * 2 * 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := wants(tc.c, tc.step, both)
			deny := 0
			for k, v := range got {
				if v == model.Deny {
					deny++
				}
				if (k.Client == k.Server) != (v == model.Undefined) {
					t.Errorf("%+v wants %s", k, v)
				}
			}
			if len(got) != tc.cells || deny != tc.deny {
				t.Errorf("%d cells, %d denied; want %d, %d", len(got), deny, tc.cells, tc.deny)
			}
		})
	}
}

// A step that takes the policy away and puts it back is not held to law 5 where that shows.
func TestPassing(t *testing.T) {
	chosen := loadCases(t, "stack-order-of-creation")[0]
	step := slices.IndexFunc(chosen.Steps, func(s cases.Step) bool {
		return slices.ContainsFunc(s.Do, func(a cases.Action) bool { _, ok := a.(cases.DeletePolicy); return ok })
	})
	if step < 1 {
		t.Fatal("the case has no step that deletes")
	}
	before, want := wants(chosen, step-1, both), wants(chosen, step, both)
	between := passing(onTheWay(chosen, step, both), want)
	if len(between) == 0 {
		t.Fatal("nothing changes on the way")
	}
	for k := range want {
		unchangedDeny := before[k] == model.Deny && want[k] == model.Deny
		if unchangedDeny != between[k] && want[k] != model.Allow {
			t.Errorf("%+v: %s before, %s after, passing %v", k, before[k], want[k], between[k])
		}
	}
	one := loadCases(t, "isolation-deny-ingress")[0]
	if single := passing(onTheWay(one, 0, both), wants(one, 0, both)); len(one.Steps[0].Do) != 1 || len(single) != 0 {
		t.Error("a step of one action has nothing between")
	}
}

// An engine may hear of a policy before it hears of a label that was set before it: what it
// denies until then is no outage. What no order explains is.
func TestPassingInAnyOrder(t *testing.T) {
	c := loadCases(t, "label-server")[0]
	want := wants(c, 0, both)
	between := passing(onTheWay(c, 0, both), want)
	for k, v := range want {
		if k.Client == k.Server {
			continue
		}
		explained := k.Client == "x/a" // allowed before the policy, or denied before the labels
		if between[k] != explained {
			t.Errorf("%+v: wants %s, passing %v, want %v", k, v, between[k], explained)
		}
	}
}

// What is known of a resource are its first changes, whatever is known of the others.
func TestViews(t *testing.T) {
	p, q := cases.DeletePolicy{Ref: cases.Ref{Namespace: "x", Name: "p"}}, cases.DeletePolicy{Ref: cases.Ref{Namespace: "x", Name: "q"}}
	l := cases.LabelPod{Ref: cases.Ref{Namespace: "x", Name: "a"}}
	var got []string
	for _, view := range views([]cases.Action{p, l, q}) {
		got = append(got, fmt.Sprint(view))
	}
	slices.Sort(got)
	want := []string{
		"[]", "[delete x/p delete x/q]", "[delete x/p label pod x/a delete x/q]", "[delete x/p label pod x/a]", "[delete x/p]", "[label pod x/a]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("views (-want +got):\n%s", diff)
	}
}
