package e2e

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// played is one case on its way through the framework.
type played struct {
	run    *run
	c      cases.Case
	result v1.Case
}

// play plays the case. What it says of a case that did not pass is said when the feature
// ends, and only if no assessment has: --assess and --skip-assessment may hide steps, but
// not that the case failed.
func (p *played) play(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
	t.Helper()
	var err error
	p.result, err = p.run.session.Play(p.run.ctx, p.c.Name)
	switch {
	case err != nil:
		t.Fatalf("play %s: %v", p.c.Name, err)
	case p.result.Outcome == v1.Pass:
	case neverBegun(&p.result):
		t.Skipf("%s: %s", p.result.Outcome, p.result.Reason)
	default:
		t.Cleanup(func() {
			if !t.Failed() {
				t.Errorf("%s: %s", p.result.Outcome, p.result.Reason)
			}
		})
	}
	return ctx
}

// neverBegun says that nothing was tried: there is nothing to assess.
func neverBegun(c *v1.Case) bool {
	switch c.Outcome {
	case v1.Skipped, v1.NotSupported:
		return true
	case v1.Unfinished:
		return len(c.Steps) == 0
	default:
		return false
	}
}

// assess tells what became of the i-th step.
func (p *played) assess(i int) features.Func {
	return func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
		t.Helper()
		step := stepNamed(p.result.Steps, p.c.Steps[i].Name)
		switch {
		case step == nil:
			t.Skipf("not reached: %s: %s", p.result.Outcome, p.result.Reason)
		case step.Outcome == v1.Pass:
		case step.Outcome == v1.Skipped || step.Outcome == v1.NotSupported:
			t.Skip(step.Reason)
		default:
			t.Errorf("%s: %s%s", step.Outcome, step.Reason, evidence(step))
		}
		return ctx
	}
}

// guarded fails a test that panics, in place of the whole program: the panic would run the
// cleanup of the test above while other features are at work, which testing answers with
// another panic, in the middle of it.
func guarded(step features.Func) features.Func {
	return func(ctx context.Context, t *testing.T, cfg *envconf.Config) context.Context {
		t.Helper()
		defer func() {
			if p := recover(); p != nil {
				t.Fatalf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return step(ctx, t, cfg)
	}
}

func stepNamed(steps []v1.Step, name string) *v1.Step {
	i := slices.IndexFunc(steps, func(s v1.Step) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &steps[i]
}

// mostCells is how many wrong cells a message shows; records.jsonl has all.
const mostCells = 5

// evidence is a line for each of the first wrong cells.
func evidence(s *v1.Step) string {
	var b strings.Builder
	wrong := 0
	for i := range s.Cells {
		c := &s.Cells[i]
		if c.Outcome != v1.Fail && c.Outcome != v1.Inconclusive {
			continue
		}
		if wrong++; wrong > mostCells {
			continue
		}
		fmt.Fprintf(&b, "\n  %s -> %s %s %s by %s: want %s, saw %s: %s", c.Client, c.Server, c.Probe(), c.Family, c.Path, c.Want, c.Seen, c.Reason)
		if c.Because != "" {
			fmt.Fprintf(&b, " (%s)", c.Because)
		}
	}
	if wrong > mostCells {
		fmt.Fprintf(&b, "\n  and %d more, see records.jsonl", wrong-mostCells)
	}
	return b.String()
}
