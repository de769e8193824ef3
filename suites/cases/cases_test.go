package cases_test

import (
	"testing"

	"github.com/netassay/netassay/suites/cases"

	corev1 "k8s.io/api/core/v1"
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
	families := map[string][]corev1.IPFamily{
		"ipv4": {corev1.IPv4Protocol},
		"ipv6": {corev1.IPv6Protocol},
		"dual": {corev1.IPv4Protocol, corev1.IPv6Protocol},
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
