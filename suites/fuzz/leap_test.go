package fuzz

import (
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// always is an engine with one verdict.
func always(v model.Verdict) Paper {
	return func(model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
		return func(model.Flow) (model.Verdict, error) { return v, nil }, nil
	}
}

// What an engine that lets everything pass, or nothing, gets wrong is wrong in each leap too, the
// first of which is as small as can be.
func TestLeaps(t *testing.T) {
	for name, engine := range map[string]Paper{"open": always(model.Allow), "closed": always(model.Deny)} {
		g := NewGenerator(3, Options{Steps: 6, Nodes: true})
		for range 3 {
			c := g.Next()
			r, err := OnPaper(c, engine)
			if err != nil || len(r.Wrong) == 0 {
				t.Fatalf("%s, %s: nothing wrong, %v", c.Name, name, err)
			}
			c.Steps = c.Steps[:r.Steps]
			all := Leaps(c, r.Wrong[0].Cell)
			for i, leap := range all {
				r, err := OnPaper(leap, engine)
				if err != nil || len(r.Wrong) == 0 {
					t.Errorf("%s, %s: leap %d is right, %v", c.Name, name, i, err)
				}
			}
			if first := all[0]; len(first.Steps) != 1 || len(first.Steps[0].Do) > 2 || len(first.Probes) != 1 {
				text, _ := cases.Format(first)
				t.Errorf("%s, %s: the first leap:\n%s", c.Name, name, text)
			}
		}
	}
}
