package runner

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// The names of the steps that every case has around its own. They are reported only when
// something is wrong in them.
const (
	baselineStep = "baseline"
	restoreStep  = "restore"
)

// play runs one case in arena a, or in a new one when there is none or when the baseline
// does not hold in a used one. It returns the arena for the next case, nil when that must
// have a new one. The error says that no arena could be made.
func (s *suite) play(ctx context.Context, a *arena, c cases.Case) (v1.Case, *arena, error) {
	start := s.cfg.Now()
	result := described(c, v1.Unfinished, "the run was stopped")
	finish := func() v1.Case {
		result.Seconds = (s.cfg.Now() - start).Seconds()
		if a != nil {
			result.Arena = a.Name
		}
		return result
	}
	for {
		if a == nil {
			var err error
			if a, err = s.newArena(ctx); err != nil {
				if ctx.Err() == nil {
					result.Outcome, result.Reason = v1.Inconclusive, err.Error()
				}
				return finish(), nil, err
			}
		}
		base := a.baseline(ctx, c, baselineStep)
		if base == nil || ctx.Err() != nil {
			break
		}
		if a.used {
			s.trouble("case %s: a new fixture instead of %s, whose baseline does not hold: %s", c.Name, a.Name, base.Reason)
			a.remove(ctx)
			a = nil
			continue
		}
		result.Steps = []v1.Step{*base}
		result.Outcome, result.Reason = concluded(result.Steps)
		return finish(), a, nil
	}
	if ctx.Err() != nil {
		return finish(), a, nil
	}
	intact := a.play(ctx, c, &result)
	done := finish()
	if !intact && !s.cfg.Keep {
		a.remove(ctx)
	}
	if !intact {
		a = nil
	}
	return done, a, nil
}

// baseline checks that all kinds of cells that the case probes are allowed now. It returns
// nil when they are, without a probe when that was seen since the last change.
func (a *arena) baseline(ctx context.Context, c cases.Case, name string) *v1.Step {
	known := len(c.Nodes) == 0
	for _, k := range kinds(c, "") {
		known = known && a.verified[k]
	}
	if known {
		return nil
	}
	step := a.watchBaseline(ctx, c, name)
	if step.Outcome != v1.Pass {
		return &step
	}
	for _, k := range kinds(c, "") {
		a.verified[k] = true
	}
	return nil
}

// play does the steps of a case whose baseline holds, and restores the arena. It returns
// false when the arena is no longer fit for use.
func (a *arena) play(ctx context.Context, c cases.Case, result *v1.Case) (intact bool) {
	a.used = true
	a.tag++
	clear(a.verified)
	end, judged := a.steps(ctx, c)
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
	nameCells(c.Name, result.Steps)
	outcome, reason := concluded(result.Steps)
	if ctx.Err() == nil || outcome == v1.Fail {
		result.Outcome, result.Reason = outcome, reason
	}
	return restored == nil
}

// steps does the steps in order, up to the first that does not pass. end is the last that
// was begun. The judged steps arrive a little later than they are over: each channel gives
// one.
func (a *arena) steps(ctx context.Context, c cases.Case) (end int, judged []<-chan v1.Step) {
	before := wants(c, -1, a.Families())
	for i := range c.Steps {
		w := a.begin(c, i, before)
		verdict := w.play(ctx)
		end = i
		if w.doubtful || ctx.Err() != nil {
			// What is not clear by now is clear a timeout later; only then is it known
			// whether the case can go on.
			step := <-verdict
			judged = append(judged, delivered(step))
			if step.Outcome != v1.Pass {
				return end, judged
			}
		} else {
			judged = append(judged, verdict)
		}
		before = w.want
	}
	return end, judged
}

func delivered(s v1.Step) <-chan v1.Step {
	c := make(chan v1.Step, 1)
	c <- s
	return c
}

// restore undoes the case and checks that all is allowed again. It returns nil when it is.
func (a *arena) restore(ctx context.Context, c cases.Case, end int) *v1.Step {
	if ctx.Err() != nil {
		return &v1.Step{Name: restoreStep, Outcome: v1.Unfinished, Reason: "the run was stopped"}
	}
	start := a.run.cfg.Now()
	for _, action := range c.Undo(end) {
		if err := a.undo(ctx, action); err != nil {
			return &v1.Step{
				Name: restoreStep, Outcome: v1.Inconclusive, Reason: "restore the fixture: " + err.Error(),
				Millis: millis(a.run.cfg.Now() - start),
			}
		}
	}
	return a.baseline(ctx, c, restoreStep)
}

// undo does one action of cases.Undo. What is gone already is no error, and namespaces that
// the case created are not waited for: their names are never used again.
func (a *arena) undo(ctx context.Context, action cases.Action) error {
	if action.DeleteNamespace != "" {
		bound, err := action.Bind(a)
		if err != nil {
			return err
		}
		a.drop(inNamespace(action.DeleteNamespace))
		err = a.run.cfg.Client.CoreV1().Namespaces().Delete(ctx, bound.DeleteNamespace, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	}
	_, err := a.do(ctx, action)
	tolerated := action.Delete != nil || action.DeletePod != nil
	if tolerated && apierrors.IsNotFound(errors.Unwrap(err)) {
		return nil
	}
	return err
}

// concluded is the outcome of a case with these steps, and the reason of the step that
// made it so. A defect of the case outweighs all, or a failure would be blamed on an engine.
func concluded(steps []v1.Step) (v1.Outcome, string) {
	for _, o := range []v1.Outcome{v1.Error, v1.Fail, v1.Unfinished, v1.Inconclusive} {
		for i := range steps {
			if steps[i].Outcome == o {
				return o, fmt.Sprintf("step %q: %s", steps[i].Name, steps[i].Reason)
			}
		}
	}
	return v1.Pass, ""
}

func nameCells(name string, steps []v1.Step) {
	for i := range steps {
		for j := range steps[i].Cells {
			steps[i].Cells[j].Case = name
		}
	}
}
