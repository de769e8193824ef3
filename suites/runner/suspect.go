package runner

import (
	"maps"
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// A live control is a packet from a node to a pod of its own, which no policy may block
// ("traffic to and from the node where a Pod is running is always allowed"). It is under test
// itself, then: an engine that blocks it would only ever make runs inconclusive. So a server
// that its own node did not reach is a suspect, and is from then on asked by its own prober
// too, beside its node. One that hears itself and not its node, at the deadline and after it,
// was cut off.

// suspect keeps what a node saw of a pod of its own, once it did not reach it.
func (w *watch) suspect(r *round, k controlKey, got arrival) {
	if w.suspects[k] == nil {
		p := w.pod(k.Server)
		if got.obs.Result == probe.Connected || k.Path != cases.PathPod || p == nil || !cases.IsPodKey(k.Server) {
			return
		}
		key := cases.Cell(k)
		key.Client = p.node
		w.suspects[k] = &cell{key: key, judge: judge.Cell{Want: model.Allow}}
	}
	got.cell = w.suspects[k]
	r.own[k] = got
}

// takeSuspects adds what was seen of suspects, once it is known whether they hear themselves.
func (w *watch) takeSuspects(r *round) {
	for k, got := range r.own {
		alive, asked := r.self[k]
		w.add(got, stateOf(alive, asked), judge.ControlLive)
	}
	clear(r.own)
}

// doubtLone takes back the conviction of a step by one lost probe: a hole that is the engine's
// meets more than one, or comes again when the case is played once more, for which it asks by
// being inconclusive. cells are the reports of w.cells.
func (w *stepWatch) doubtLone(cells []v1.Cell) {
	failed := func(c v1.Cell) bool { return c.Outcome == v1.Fail }
	i := slices.IndexFunc(cells, failed)
	if w.set.patient || i < 0 || slices.ContainsFunc(cells[i+1:], failed) {
		return
	}
	if wrong := judge.Judge(&w.cells[i].judge, w.window).Wrong; silentHole(&cells[i]) && wrong == 1 {
		w.withdraw(&cells[i], "one lost probe alone proves nothing")
	}
}

// doubtStarved takes back convictions by silence that was over before the step was, when the
// machine was starved: that stands still as a whole, and a control that is asked after it answers.
// What is still silent when the case is played once more is the engine's. cells are the reports
// of w.cells.
func (w *stepWatch) doubtStarved(cells []v1.Cell) {
	if w.starved.factor == 0 {
		return
	}
	for i := range cells {
		c := &w.cells[i].judge
		if silentHole(&cells[i]) && (!w.set.patient || judge.Look(c, w.window).Right) {
			w.withdraw(&cells[i], "a machine that stands still loses probes too")
		}
	}
}

// silentHole reports whether the cell failed because nothing came through for a while.
func silentHole(c *v1.Cell) bool {
	return c.Outcome == v1.Fail && c.Kind == v1.Outage && c.Seen == string(judge.Dropped) && !c.Changed
}

// withdraw makes a failed cell inconclusive.
func (w *stepWatch) withdraw(c *v1.Cell, why string) {
	c.Outcome, c.Kind = v1.Inconclusive, ""
	c.Reason += "; " + why + w.excuse()
}

// convicted are the suspects that were cut off from their own node.
func (w *stepWatch) convicted() []v1.Cell {
	var cells []v1.Cell
	for _, c := range slices.SortedFunc(maps.Values(w.suspects), func(a, b *cell) int { return cases.CompareCells(a.key, b.key) }) {
		if r := w.report(c); r.Outcome == v1.Fail {
			r.Reason += "; the pod hears itself, and traffic from its own node must always pass"
			cells = append(cells, r)
		}
	}
	return cells
}
