package fuzz

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/suites/cases"
)

// What is drawn is a case like any other: it can be written and read, which makes its changes
// on fake clusters of all families, and its pins are the oracle's.
func TestDrawnCasesAreCases(t *testing.T) {
	for _, o := range []Options{{Steps: 10}, {Steps: 10, Nodes: true, Prefixes: true}} {
		g := NewGenerator(1, o)
		for range 10 {
			c := g.Next()
			if len(c.Steps) != o.Steps {
				t.Errorf("%s has %d steps, want %d", c.Name, len(c.Steps), o.Steps)
			}
			text, err := cases.Format(c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := cases.Parse(c.Name+".txtar", text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(cases.Expect{}, "Line")}
			if diff := cmp.Diff(c, again, opts); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.Name, diff)
			}
			w := fixture()
			for i, s := range again.Steps {
				if w, err = w.after(s.Do); err != nil {
					t.Fatal(err)
				}
				if all := cases.Disagreements(again, i, w.cluster.Snapshot, &w.cluster); len(all) > 0 {
					t.Errorf("%s: %v", c.Name, all[0])
				}
			}
		}
	}
}

func TestSameSeedSameCases(t *testing.T) {
	a, b, other := NewGenerator(7, Options{Steps: 4}), NewGenerator(7, Options{Steps: 4}), NewGenerator(8, Options{Steps: 4})
	for range 5 {
		one := text(t, a.Next())
		if diff := cmp.Diff(one, text(t, b.Next())); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
		if one == text(t, other.Next()) {
			t.Fatal("another seed, the same case")
		}
	}
}

func text(t *testing.T, c cases.Case) string {
	t.Helper()
	b, err := cases.Format(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
