package runner

import (
	"iter"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// verdicts are what is wanted of every cell of a step.
type verdicts map[cases.Cell]model.Verdict

// wants are the verdicts after a step; step -1 is the state before the first, in which
// everything is allowed.
func wants(c cases.Case, step int, families []model.Family) verdicts {
	want := verdicts{}
	for _, k := range c.Cells(step, families) {
		want[k] = c.Want(step, k)
	}
	return want
}

// touched are the pods that a step creates, or deletes and creates again: their cells have
// no past.
func touched(s cases.Step) map[string]bool {
	keys := map[string]bool{}
	for _, a := range s.Do {
		keys[cases.EffectOf(a).Creates] = true
	}
	return keys
}

// passing are the cells that a step with several actions makes something else on its way
// than what they are after it: that is nobody's fault. They are found on fake clusters.
func passing(c cases.Case, step int, want verdicts, families []model.Family) map[cases.Cell]bool {
	between := map[cases.Cell]bool{}
	if len(c.Steps[step].Do) < 2 {
		return between
	}
	for view := range views(c.Steps[step].Do) {
		fake := cases.NewFakeCluster(families...)
		for _, s := range c.Steps[:step] {
			_ = fake.Do(s.Do...) // checked when the case was loaded
		}
		if fake.Do(view...) != nil {
			continue // a pod of a namespace that is not there in this view
		}
		for k, v := range want {
			flow, ok := k.Flow(fake)
			if ok && v != model.Undefined && oracle.Evaluate(fake.Snapshot, flow).Verdict != v {
				between[k] = true
			}
		}
	}
	return between
}

// views are the parts of what was done that an engine may know of at a time. The API server
// keeps the order of changes of one resource only: a label may be heard of after a policy
// that was written later.
func views(done []cases.Action) iter.Seq[[]cases.Action] {
	var of [3]int // how many actions there are on each resource
	for _, a := range done {
		of[cases.EffectOf(a).Resource]++
	}
	return func(yield func([]cases.Action) bool) {
		for n := range (of[0] + 1) * (of[1] + 1) * (of[2] + 1) {
			known := [3]int{n % (of[0] + 1), n / (of[0] + 1) % (of[1] + 1), n / (of[0] + 1) / (of[1] + 1)}
			if !yield(prefixes(done, known)) {
				return
			}
		}
	}
}

// prefixes are the first known[r] actions on each resource r, in their order.
func prefixes(done []cases.Action, known [3]int) []cases.Action {
	var part []cases.Action
	for _, a := range done {
		if r := cases.EffectOf(a).Resource; known[r] > 0 {
			known[r]--
			part = append(part, a)
		}
	}
	return part
}
