package fuzz

import (
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// Leaps are much smaller cases that may go wrong in the same cell at their end, the smallest
// first: the least that gives the cell its verdict, the least that gives it for the same reason,
// all in one step, and c with fewer probes. Where the cell must be allowed, somebody else stays
// denied. They cost no play to find; each of them may be right.
func Leaps(c cases.Case, wrong cases.Cell) []cases.Case {
	c = about(c, wrong)
	first, ok := atEnd(c, wrong)
	if !ok {
		return nil
	}
	second, denied := beside(c, wrong)
	keeps := func(k cases.Case) bool {
		d, ok := atEnd(k, second)
		return !denied || ok && d.Verdict == model.Deny
	}
	one := c
	one.Steps = joined(c.Steps)
	all := []cases.Case{
		least(c, func(k cases.Case) bool {
			d, ok := atEnd(k, wrong)
			return ok && d.Verdict == first.Verdict && keeps(k)
		}),
		least(c, func(k cases.Case) bool {
			d, ok := atEnd(k, wrong)
			return ok && d == first && keeps(k)
		}),
		one, c,
	}
	var out []cases.Case
	for _, batch := range batches(all, len(all), map[string]bool{}) {
		out = append(out, batch...)
	}
	return out
}

// beside is a cell that is denied at the end of a case, to the server or from the client of one
// that is allowed; not ok when there is none.
func beside(c cases.Case, k cases.Cell) (cases.Cell, bool) {
	if d, ok := atEnd(c, k); !ok || d.Verdict != model.Allow {
		return k, false
	}
	for _, other := range c.Cells(len(c.Steps)-1, []model.Family{k.Family}) {
		if other.Client == k.Client || other.Server == k.Server {
			if d, ok := atEnd(c, other); ok && other.Client != other.Server && d.Verdict == model.Deny {
				return other, true
			}
		}
	}
	return k, false
}

// least takes pieces away from a case for as long as it is fit.
func least(c cases.Case, fit func(cases.Case) bool) cases.Case {
	tried := map[string]bool{}
	for at := 0; ; {
		all := smaller(c)
		at %= max(1, len(all)) // what was needed a moment ago comes last
		all = slices.Concat(all[at:], all[:at])
		i := slices.IndexFunc(all, func(c cases.Case) bool { return fit(c) && untried(c, tried) })
		if i < 0 {
			return c
		}
		c, at = all[i], at+i
	}
}

// about is a case that probes what a cell does, by pods alone if it is between pods.
func about(c cases.Case, k cases.Cell) cases.Case {
	c.Probes = []cases.Probe{k.Probe}
	if !cases.IsNodeKey(k.Client) && !cases.IsNodeKey(k.Server) {
		c.Nodes = nil
	}
	return c
}

// atEnd is the oracle's decision of a cell at the end of a case; not ok when there is none.
func atEnd(c cases.Case, k cases.Cell) (oracle.Decision, bool) {
	w := fixture()
	for _, s := range c.Steps {
		var err error
		if w, err = w.after(s.Do); err != nil {
			return oracle.Decision{}, false
		}
	}
	return w.cluster.Verdict(k)
}
