package cases_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

func load(t *testing.T) []cases.Case {
	t.Helper()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPinsAgreeWithOracle runs every case on a fake cluster and holds each pinned cell against the
// oracle, in each set of families.
func TestPinsAgreeWithOracle(t *testing.T) {
	families := map[string][]model.Family{
		"ipv4": {model.IPv4},
		"ipv6": {model.IPv6},
		"dual": {model.IPv4, model.IPv6},
	}
	for _, c := range load(t) {
		for name, f := range families {
			t.Run(c.Name+"/"+name, func(t *testing.T) { agree(t, c, cases.NewFakeCluster(f...)) })
		}
	}
}

func agree(t *testing.T, c cases.Case, fake *cases.FakeCluster) {
	t.Helper()
	for i, step := range c.Steps {
		for _, a := range step.Do {
			if err := fake.Do(a); err != nil {
				t.Fatalf("step %q: %v", step.Name, err)
			}
		}
		for j, d := range cases.Disagreements(c, i, fake.Snapshot, fake) {
			if j == 5 {
				t.Error("and more")
				break
			}
			t.Error(d)
		}
	}
}

// The specification leaves two possibilities for pods in the network of their node: they are
// seen as pods, or as their node. What a case pins of one must hold for both.
func TestHostNetworkPinsHoldForBothPossibilities(t *testing.T) {
	for _, c := range load(t) {
		fake, onHost := cases.NewFakeCluster(model.IPv4, model.IPv6), map[string]bool{}
		for i, step := range c.Steps {
			if err := fake.Do(step.Do...); err != nil {
				t.Fatal(err)
			}
			s := fake.Snapshot
			s.Pods = slices.Clone(s.Pods)
			for _, a := range step.Do {
				if create, ok := a.(cases.CreatePod); ok && create.HostNetwork {
					onHost[create.Key()] = true
				}
			}
			for key := range onHost {
				ns, name, _ := strings.Cut(key, "/")
				for j := range s.Pods {
					if s.Pods[j].Namespace == fake.Namespace(ns) && s.Pods[j].Name == name {
						s.Pods[j].HostNetwork = false
					}
				}
			}
			for _, d := range cases.Disagreements(c, i, s, fake) {
				if onHost[d.Client] {
					t.Errorf("%s, were the pod seen as one", d)
				}
			}
		}
	}
}
