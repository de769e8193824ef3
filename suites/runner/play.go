package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// The names of the steps that every case has around its own. They are reported only when
// something is wrong in them.
const (
	baselineStep = "baseline"
	restoreStep  = "restore"
)

// play runs one case in fixture set a, or in a new one when there is none. It returns the
// fixture set for the next case, nil when that must have a new one. A case that stays
// inconclusive is run once more, patiently: an inconclusive outcome is no verdict, and a
// machine that is slow for a moment must not make a run void. The error is for a cluster in
// which no fixture set could be made.
func (s *Session) play(ctx context.Context, a *fixtureSet, c cases.Case) (v1.Case, *fixtureSet, error) {
	result, a, err := s.playOnce(ctx, a, c, false)
	if err != nil || result.Outcome != v1.Inconclusive || ctx.Err() != nil {
		return result, a, err
	}
	s.ledger.trouble("case %s: again, because it was inconclusive: %s", c.Name, result.Reason)
	return s.playOnce(ctx, a, c, true)
}

func (s *Session) playOnce(ctx context.Context, a *fixtureSet, c cases.Case, patient bool) (v1.Case, *fixtureSet, error) {
	start := s.stage.now()
	result := described(c, v1.Unfinished, "the run was stopped")
	a, base, err := s.ready(ctx, a, c)
	intact := true
	switch {
	case ctx.Err() != nil:
	case err != nil:
		result.Outcome, result.Reason = v1.Inconclusive, err.Error()
	case base != nil:
		result.Steps = []v1.Step{*base}
		result.Outcome, result.Reason = concluded(result.Steps)
	default:
		a.patient = patient
		intact = a.play(ctx, c, &result)
	}
	result.Seconds = (s.stage.now() - start).Seconds()
	if a != nil {
		result.FixtureSet = a.Name
	}
	if !intact {
		s.discard(ctx, a)
		a = nil
	}
	return result, a, err
}

// ready gives a fixture set in which the baseline holds. When it does not hold in a used one,
// that is replaced; when it does not hold in a new one either, base says how.
func (s *Session) ready(ctx context.Context, a *fixtureSet, c cases.Case) (ready *fixtureSet, base *v1.Step, err error) {
	for {
		if a == nil {
			if a, err = s.newFixtureSet(ctx); err != nil {
				return nil, nil, err
			}
		}
		base = a.baseline(ctx, c, baselineStep)
		if base == nil || !a.used || ctx.Err() != nil {
			return a, base, nil
		}
		s.ledger.trouble("case %s: a new fixture instead of %s, whose baseline does not hold: %s", c.Name, a.Name, base.Reason)
		s.discard(ctx, a)
		a = nil
	}
}

// newFixtureSet makes a fixture set, and removes what there is of it when that fails.
func (s *Session) newFixtureSet(ctx context.Context) (*fixtureSet, error) {
	start := s.stage.now()
	a, err := s.stage.newFixtureSet(ctx)
	if err != nil {
		s.remove(ctx, a)
		return nil, err
	}
	s.ledger.tell(Event{Kind: FixtureReady, Set: a.Name, Elapsed: s.stage.now() - start})
	return a, nil
}

func (s *Session) discard(ctx context.Context, a *fixtureSet) {
	if !s.keep {
		s.remove(ctx, a)
	}
}

// remove removes a fixture set. Trouble is told, not returned: nothing depends on it.
func (s *Session) remove(ctx context.Context, a *fixtureSet) {
	if err := a.remove(ctx); err != nil {
		s.ledger.trouble("remove fixture %s: %v", a.Name, err)
	}
}

// baseline checks that all cells that the case probes are allowed now, as far as that was not
// seen since the last change. It returns nil when they are. What was seen of one cell says
// nothing of another one: a Service of a new fixture reaches one node long before another.
func (a *fixtureSet) baseline(ctx context.Context, c cases.Case, name string) *v1.Step {
	want := wants(c, -1, a.Families())
	maps.DeleteFunc(want, func(k cases.Cell, _ model.Verdict) bool {
		return a.verified[k]
	})
	if len(want) == 0 {
		return nil
	}
	step := a.watchBaseline(ctx, c, name, want)
	if step.Outcome != v1.Pass {
		return &step
	}
	for k := range want {
		a.verified[k] = cases.IsPodKey(k.Client) && cases.IsPodKey(k.Server)
	}
	return nil
}

// play does the steps of a case whose baseline holds, and restores the fixture set. It returns
// false when the fixture set is no longer fit for use.
func (a *fixtureSet) play(ctx context.Context, c cases.Case, result *v1.Case) (intact bool) {
	a.used, a.fronted = true, c.ByServices()
	a.tag++
	end, sound, judged := a.steps(ctx, c)
	a.forget(c, end, sound)
	restored := a.restore(ctx, c, end)
	for _, step := range judged {
		result.Steps = append(result.Steps, <-step)
	}
	if ctx.Err() == nil {
		for _, s := range c.Steps[end+1:] {
			result.Steps = append(result.Steps, v1.Step{Name: s.Name, Outcome: v1.Skipped, Reason: "an earlier step did not pass"})
		}
	}
	if restored != nil {
		result.Steps = append(result.Steps, *restored)
	}
	outcome, reason := concluded(result.Steps)
	if ctx.Err() == nil || outcome == v1.Fail {
		result.Outcome, result.Reason = outcome, reason
	}
	return restored == nil
}

// steps does the steps in order, up to the first that does not pass. end is the last that
// was begun; sound reports whether all was right after it, as far as known. The judged steps
// arrive a little later than they are over: each channel gives one.
func (a *fixtureSet) steps(ctx context.Context, c cases.Case) (end int, sound bool, judged []<-chan v1.Step) {
	before := wants(c, -1, a.Families())
	for i := range c.Steps {
		w := a.begin(c, i, before)
		verdict := w.play(ctx)
		end = i
		if w.doubtful || ctx.Err() != nil || stopsProbers(c, i) {
			// What is not clear by now is clear a timeout later; only then is it known
			// whether the case can go on. And a prober that goes away takes the probes
			// with it that have not come back.
			step := <-verdict
			judged = append(judged, delivered(step))
			if step.Outcome != v1.Pass {
				return end, false, judged
			}
		} else {
			judged = append(judged, verdict)
		}
		before, sound = w.want, !w.doubtful
	}
	return end, sound, judged
}

// stopsProbers reports whether what is done after step i, the next step or the undoing of the
// case, takes pods away.
func stopsProbers(c cases.Case, i int) bool {
	var next []cases.Action
	if i+1 < len(c.Steps) {
		next = c.Steps[i+1].Do
	} else {
		next = c.Undo(i)
	}
	return slices.ContainsFunc(next, func(a cases.Action) bool { return cases.EffectOf(a).EndsPods })
}

func delivered(s v1.Step) <-chan v1.Step {
	c := make(chan v1.Step, 1)
	c <- s
	return c
}

// forget forgets what was seen before of the pods that the case has touched; of all when it
// did not come to a sound end.
func (a *fixtureSet) forget(c cases.Case, end int, sound bool) {
	touched := c.Disturbs(end)
	maps.DeleteFunc(a.verified, func(k cases.Cell, _ bool) bool {
		return !sound || touched[k.Client] || touched[k.Server]
	})
}

// restore undoes the case and checks that all is allowed again. It returns nil when it is.
func (a *fixtureSet) restore(ctx context.Context, c cases.Case, end int) *v1.Step {
	if ctx.Err() != nil {
		return &v1.Step{Name: restoreStep, Outcome: v1.Unfinished, Reason: "the run was stopped"}
	}
	start, undo := a.now(), c.Undo(end)
	ended := a.journal.begin(start, c.Name, restoreStep, undo)
	defer func() { ended(a.now()) }()
	for _, action := range undo {
		if err := cases.Do(ctx, undoing{a}, action); err != nil {
			return a.unrestored(start, fmt.Errorf("%s: %w", action, err))
		}
	}
	if err := a.settle(ctx, undo); err != nil {
		return a.unrestored(start, err)
	}
	return a.baseline(ctx, c, restoreStep)
}

// unrestored is the step of a case that could not be undone.
func (a *fixtureSet) unrestored(start time.Duration, err error) *v1.Step {
	return &v1.Step{
		Name: restoreStep, Outcome: v1.Inconclusive, Reason: "restore the fixture: " + err.Error(),
		At: a.wall(start), Millis: millis(a.now() - start),
	}
}

// settle waits until labels that were undone count again, where the engine can be asked.
func (a *fixtureSet) settle(ctx context.Context, undo []cases.Action) error {
	labels := func(done cases.Action) bool {
		switch done.(type) {
		case cases.LabelPod, cases.LabelNamespace:
			return true
		}
		return false
	}
	if a.settled == nil || !slices.ContainsFunc(undo, labels) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timing.Deadline)
	defer cancel()
	var names []string
	for _, n := range cases.FixtureNamespaces() {
		names = append(names, a.Namespace(n.Name))
	}
	return a.settled(ctx, names)
}
