package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
	"github.com/netassay/netassay/suites/oracle"
)

// stepWatch is one step of a case while it is done and watched.
type stepWatch struct {
	watch
	set      *fixtureSet // in which the step is done
	c        cases.Case
	step     int
	name     string
	want     verdicts
	fresh    map[string]bool // pods that the step creates
	births   *births         // of them; nil in a baseline
	snapshot model.Snapshot  // after the writes; empty in a baseline
	err      error           // what kept the step from being done, or the cells from being judged
	defect   bool            // err is a defect of the case
	// doubtful reports, once the watch is over, whether some cell is not right as far as known.
	doubtful bool
}

// begin prepares the watch of a step. before is what was wanted until now.
func (a *fixtureSet) begin(c cases.Case, step int, before verdicts) *stepWatch {
	w := &stepWatch{set: a, c: c, step: step, name: c.Steps[step].Name, want: wants(c, step, a.Families())}
	fresh, fronts := touched(c.Steps[step])
	w.fresh, w.births = fresh, a.newBirths(c, step, w.want)
	a.births = w.births
	way := onTheWay(c, step, a.Families())
	between := passing(way, w.want)
	maps.Copy(between, torn(way, w.want))
	past := func(k cases.Cell) model.Verdict {
		switch {
		case c.Never(step, k):
			return model.Deny
		case w.fresh[k.Client] || w.fresh[k.Server] || between[k], k.Path != cases.PathPod && fronts[k.Server]:
			return ""
		case k.Held != "" && c.Opens(step, k.Held):
			return ""
		case k.Held != "" && before[k] != model.Deny:
			return model.Allow // open until a line says that it was cut
		}
		return before[k]
	}
	w.watch = a.newWatch(w.want, past, a.timing.Hold)
	for _, cell := range w.cells {
		cell.judge.Passing, cell.asked = between[cell.key], c.Asks(step, cell.key)
		cell.opens = c.Opens(step, cell.key.Held)
		if c.Never(step, cell.key) {
			cell.judge.New = &judge.New{}
		}
	}
	return w
}

// newWatch makes a watch over all cells of want, in a fixed order.
func (a *fixtureSet) newWatch(want verdicts, past func(cases.Cell) model.Verdict, hold time.Duration) watch {
	w := watch{
		prober: a.fleet, pod: a.pod, flow: func(k cases.Cell) uint64 { return a.flows[heldFlow{k.Held, k.Family}] }, timing: a.timing, now: a.now, turn: &a.turn,
		suspects: map[controlKey]*cell{}, results: make(chan batch), patient: a.patient || a.timing.Patient,
		starved: newStarvation(a.processor),
		window:  judge.Window{Begun: a.now(), Hold: hold, Deadline: a.timing.Deadline},
	}
	ends := numbering[string]{}
	a.watches++
	for _, k := range slices.SortedFunc(maps.Keys(want), cases.CompareCells) {
		c := &cell{key: k, judge: judge.Cell{Want: want[k], Before: past(k)}}
		c.half = (a.watches + ends.of(k.Client) + ends.of(k.Server)) % 2
		if c.undefined() {
			c.judge.Before = model.Undefined
		}
		w.cells = append(w.cells, c)
	}
	return w
}

// play does the step and watches it until enough is seen. Then the step is over as far as
// the case goes; the judged step arrives when the last probes have come back.
func (w *stepWatch) play(ctx context.Context) <-chan v1.Step {
	ended := w.set.journal.begin(w.now(), w.c.Name, w.name, w.c.Steps[w.step].Do)
	defer func() { ended(w.now()) }()
	done := make(chan struct{})
	acks := make(chan time.Duration, 1)
	go func() {
		defer close(done)
		w.do(ctx, acks)
	}()
	w.run(ctx, acks)
	<-done // before anything else is written
	return w.conclude(ctx)
}

// do makes the step's changes, gives the time of the ack, and then asks the oracle whether
// it wants, in the state that the API server has now, what the case wants.
func (w *stepWatch) do(ctx context.Context, acks chan<- time.Duration) {
	acked := w.now()
	for _, action := range w.c.Steps[w.step].Do {
		var err error
		if acked, err = w.set.do(ctx, action); err != nil {
			w.err, w.defect = fmt.Errorf("do the step: %w", err), true
			close(acks)
			return
		}
	}
	acks <- acked
	snapshot, err := w.set.snapshot(ctx, w.set.stage.nodes, w.namespaces())
	if err != nil {
		w.err = fmt.Errorf("read the state after the step: %w", err)
		return
	}
	w.snapshot = snapshot
	if all := cases.Disagreements(w.c, w.step, snapshot, w.set); len(all) > 0 {
		w.err, w.defect = fmt.Errorf("oracle and pins disagree on %d cells, first: %s", len(all), all[0]), true
	}
}

// namespaces are the real names of the namespaces of all pods after the step.
func (w *stepWatch) namespaces() []string {
	names := map[string]bool{}
	for _, key := range w.c.Keys(w.step) {
		namespace, _, _ := strings.Cut(key, "/")
		names[w.set.Namespace(namespace)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// conclude judges the step when its last probes are back. From here on the watch belongs
// to the goroutine that does so.
func (w *stepWatch) conclude(ctx context.Context) <-chan v1.Step {
	over := w.now()
	w.starved.note()
	w.doubtful = w.err != nil || !w.acked || !w.settled(over)
	w.window.Ended = over
	verdict := make(chan v1.Step, 1)
	go func() {
		if w.births != nil {
			w.judgeNew(w.births.seen(ctx, over))
		}
		w.drain(ctx)
		verdict <- w.judged(ctx, over)
	}()
	return verdict
}

// settled reports whether every cell is right as far as known.
func (w *watch) settled(now time.Duration) bool {
	for _, c := range w.cells {
		if !c.undefined() && (c.progress.Violated || !w.stands(c, now).right) {
			return false
		}
	}
	return w.finished(now)
}

func (w *stepWatch) judged(ctx context.Context, over time.Duration) v1.Step {
	s := v1.Step{
		Name: w.name, Millis: millis(over - w.window.Begun), Rounds: w.rounds, Probes: w.probes,
		At: w.set.wall(w.window.Begun), LateMS: millis(w.worst), Starved: w.starved.factor,
	}
	switch {
	case !w.acked && ctx.Err() != nil:
		s.Outcome, s.Reason = v1.Unfinished, "the run was stopped"
		return s
	case !w.acked:
		s.Outcome, s.Reason = v1.Error, w.err.Error()
		if errors.Is(w.err, errTaken) {
			s.Outcome = v1.Fail
		}
		return s
	}
	s.AckMS = millis(w.window.Acked - w.window.Begun)
	for _, c := range w.cells {
		s.Cells = append(s.Cells, w.report(c))
	}
	w.doubtLone(s.Cells)
	w.doubtStarved(s.Cells)
	w.illustrate(ctx, &s)
	s.Cells = append(s.Cells, w.convicted()...)
	s.Outcome, s.Reason = summed(s.Cells)
	switch {
	case w.defect:
		s.Outcome, s.Reason = v1.Error, w.err.Error()
	case ctx.Err() != nil && s.Outcome != v1.Fail:
		s.Outcome, s.Reason = v1.Unfinished, "the run was stopped"
	case w.err != nil && s.Outcome != v1.Fail:
		s.Outcome, s.Reason = v1.Inconclusive, w.err.Error()
	}
	return s
}

// report is the judged cell.
func (w *stepWatch) report(c *cell) v1.Cell {
	w.doubt(c, 0) // by now it is known what was not when the observations came
	j := judge.Judge(&c.judge, w.window)
	r := v1.Cell{
		Case: w.c.Name, Step: w.name, Client: c.key.Client, Server: c.key.Server, Path: string(c.key.Path),
		Family: string(c.key.Family), Flow: c.key.Held, Protocol: string(c.key.Probe.Protocol), Port: c.key.Probe.Port, Payload: c.key.Probe.Size, Form: string(c.key.Probe.Form),
		Want: string(c.judge.Want), Seen: string(j.Seen), Evidence: j.Evidence,
		Asked: c.asked, Observed: j.Observed,
		Outcome: j.Outcome, Kind: j.Kind, Reason: j.Reason,
		Changed: c.judge.Changed() && !c.undefined(), Flips: j.Flips, Probes: j.Conclusive,
		FirstRight: asMillis(j.FirstRight), Stable: asMillis(j.Stable), Resolution: asMillis(j.Resolution),
		Course: judge.Course(&c.judge, w.window),
	}
	if source := c.arrived(); source.IsValid() {
		r.Arrived = source.String()
	}
	if r.Outcome == v1.Inconclusive {
		r.Reason += w.excuse()
	}
	if (r.Outcome == v1.Fail || r.Outcome == v1.Inconclusive) && c.flow.Client.IsValid() {
		r.Addresses = fmt.Sprintf("%s -> %s", c.flow.Client, c.flow.Server)
		if len(w.snapshot.Pods) > 0 {
			r.Because = oracle.Evaluate(w.snapshot, c.flow).Reason
		}
	}
	if r.Outcome != v1.Pass && isOutside(c.key.Client) && c.key.Path.ByNode() {
		r.Because = w.c.Because(w.step, c.key) // which knows of the Service too
	}
	return r
}

// watchBaseline checks that all these cells are allowed, once. A pod to itself is left out.
func (a *fixtureSet) watchBaseline(ctx context.Context, c cases.Case, name string, want verdicts) v1.Step {
	maps.DeleteFunc(want, func(_ cases.Cell, v model.Verdict) bool { return v == model.Undefined })
	w := &stepWatch{set: a, c: c, step: -1, name: name, want: want}
	w.watch = a.newWatch(w.want, func(cases.Cell) model.Verdict { return "" }, 0)
	acks := make(chan time.Duration, 1)
	acks <- w.window.Begun
	w.run(ctx, acks)
	verdict := w.conclude(ctx)
	if !w.doubtful {
		return v1.Step{Name: name, Outcome: v1.Pass} // what is still on its way changes nothing
	}
	return <-verdict
}
