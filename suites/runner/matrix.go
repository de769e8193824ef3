package runner

import (
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// verdicts are what is wanted of every cell of a step.
type verdicts map[cases.Cell]model.Verdict

// wants are the verdicts after a step; step -1 is the state before the first, in which
// everything is allowed.
func wants(c cases.Case, step int, families []model.Family) verdicts {
	return c.Wants(step, families)
}

// touched are the pods that a step creates, or deletes and creates again, and those whose
// Service it changes: their cells, and those through their Service, have no past.
func touched(s cases.Step) (pods, fronts map[string]bool) {
	pods, fronts = map[string]bool{}, map[string]bool{}
	for _, a := range s.Do {
		e := cases.EffectOf(a)
		pods[e.Creates], fronts[e.Fronts] = true, true
	}
	return pods, fronts
}

// passing are the cells that a step with several actions makes something else on its way
// than what they are after it: that is nobody's fault.
func passing(way []*cases.FakeCluster, want verdicts) map[cases.Cell]bool {
	between := map[cases.Cell]bool{}
	if len(way) <= 2 { // before and after
		return between
	}
	for _, fake := range way {
		for k, v := range want {
			d, ok := fake.Verdict(k)
			if ok && v != model.Undefined && d.Verdict != v {
				between[k] = true
			}
		}
	}
	return between
}

// onTheWay are the states of the cluster that an engine may know while a step is done, that
// before and that after it included, as fake clusters.
func onTheWay(c cases.Case, step int, families []model.Family) []*cases.FakeCluster {
	var way []*cases.FakeCluster
	for _, view := range views(cases.Unrolled(c.Steps[step].Do)) {
		fake := cases.NewFakeCluster(families...)
		for _, s := range c.Steps[:step] {
			_ = fake.Do(s.Do...) // checked when the case was loaded
		}
		if fake.Do(view...) == nil { // else a pod of a namespace that is not there in this view
			way = append(way, fake)
		}
	}
	return way
}

// views are the parts of what was done that an engine may know of at a time. The API server
// keeps the order of changes of one resource only: a label may be heard of after a policy
// that was written later.
func views(done []cases.Action) [][]cases.Action {
	all := [][]cases.Action{nil}
	earlier := map[cases.Resource]int{}
	for _, a := range done {
		r := cases.EffectOf(a).Resource
		for _, view := range all {
			if known(view, r) == earlier[r] {
				all = append(all, append(slices.Clone(view), a))
			}
		}
		earlier[r]++
	}
	return all
}

// known is how many actions of the view are on the resource.
func known(view []cases.Action, r cases.Resource) int {
	n := 0
	for _, a := range view {
		if cases.EffectOf(a).Resource == r {
			n++
		}
	}
	return n
}
