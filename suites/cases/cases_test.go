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

// TestPinsAgreeWithOracle runs every case on paper and holds each pinned cell against the
// oracle, in each set of families.
func TestPinsAgreeWithOracle(t *testing.T) {
	families := map[string][]corev1.IPFamily{
		"ipv4": {corev1.IPv4Protocol},
		"ipv6": {corev1.IPv6Protocol},
		"dual": {corev1.IPv4Protocol, corev1.IPv6Protocol},
	}
	for _, c := range load(t) {
		for name, f := range families {
			t.Run(c.Name+"/"+name, func(t *testing.T) { agree(t, c, cases.NewPaper(f...)) })
		}
	}
}

func agree(t *testing.T, c cases.Case, paper *cases.Paper) {
	t.Helper()
	for i, step := range c.Steps {
		for _, a := range step.Do {
			if err := paper.Do(a); err != nil {
				t.Fatalf("step %q: %v", step.Name, err)
			}
		}
		for j, d := range cases.Disagreements(c, i, paper.Snapshot, paper) {
			if j == 5 {
				t.Error("and more")
				break
			}
			t.Error(d)
		}
	}
}
