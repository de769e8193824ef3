package runner

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	v1 "github.com/netassay/netassay/reports/v1"
)

// judgement is what must not depend on a break: order, and the outcome of each case, step and cell.
func judgement(run *v1.Run) []string {
	lines := slices.Clone(run.Order)
	for _, c := range run.Cases {
		lines = append(lines, c.Name+" "+string(c.Outcome)+" "+c.Reason)
		for _, s := range c.Steps {
			lines = append(lines, s.Name+" "+string(s.Outcome))
			for _, cell := range s.Cells {
				lines = append(lines, strings.Join([]string{cell.Client, cell.Server, cell.Protocol, cell.Want, cell.Seen, string(cell.Outcome)}, " "))
			}
		}
	}
	return append(lines, string(run.Verdict()))
}

// partly plays of cfg until that many cases have ended; the run is then stopped.
func (w *world) partly(t *testing.T, cfg Config, n int) *v1.Run {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Events = func(e Event) {
		if e.Kind == CaseEnded && e.N == n {
			cancel()
		}
	}
	return w.runIn(t, ctx, cfg, context.Canceled)
}

func TestResumedRunGivesTheReportOfOneWithoutABreak(t *testing.T) {
	var whole, first, second, third *v1.Run
	config := func(t *testing.T, w *world, before *v1.Run) Config {
		cfg := w.config(loadCases(t, "isolation-*", "sctp-deny-*")...)
		cfg.Parallel, cfg.Resumed = 2, before
		cfg.Unsupported = []engines.Unsupported{{Feature: "SCTP", Reason: "no module", Then: engines.Closed}}
		cfg.Skip = Skips{{Cases: "isolation-deny-eg*", Reason: "issue 1"}}
		return cfg
	}
	inWorld(t, func(t *testing.T, w *world) { whole = w.run(t, config(t, w, nil)) })
	inWorld(t, func(t *testing.T, w *world) { first = w.partly(t, config(t, w, nil), 5) })
	inWorld(t, func(t *testing.T, w *world) { second = w.partly(t, config(t, w, first), 4) })
	inWorld(t, func(t *testing.T, w *world) { third = w.run(t, config(t, w, second)) })
	if diff := cmp.Diff(judgement(whole), judgement(third)); diff != "" {
		t.Errorf("report (-without a break +with two):\n%s", diff)
	}
	judgedIn := func(r *v1.Run) int { return r.Count(v1.Pass) + r.Count(v1.Fail) }
	want := []v1.Part{{ID: "t", Cases: judgedIn(first)}, {ID: "t", Cases: judgedIn(second) - judgedIn(first)}}
	if diff := cmp.Diff(want, third.Resumed); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if whole.Count(v1.Skipped) == 0 || whole.Count(v1.NotSupported) == 0 || first.Count(v1.Unfinished) == 0 || second.Count(v1.Unfinished) == 0 {
		t.Errorf("skipped %d, not supported %d, unfinished %d and %d: each must be there", whole.Count(v1.Skipped),
			whole.Count(v1.NotSupported), first.Count(v1.Unfinished), second.Count(v1.Unfinished))
	}
	if left := Unplayed(third); len(left) > 0 {
		t.Errorf("unplayed at the end: %v", left)
	}
}

// What fail-fast kept from being played is played by the run that goes on, and what it was told
// to skip is not.
func TestUnplayed(t *testing.T) {
	run := &v1.Run{
		RunConditions: v1.RunConditions{Order: []string{"d", "c", "b", "a"}},
		Cases: []v1.Case{
			{Name: "a", Outcome: v1.Fail}, {Name: "b", Outcome: v1.Skipped}, {Name: "c", Outcome: v1.Unfinished}, {Name: "e", Outcome: v1.Skipped},
		},
	}
	if diff := cmp.Diff([]string{"d", "c", "b"}, Unplayed(run)); diff != "" {
		t.Errorf("unplayed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, Chosen(run)); diff != "" {
		t.Errorf("chosen (-want +got):\n%s", diff)
	}
}

func TestOtherConditionsAreNotResumed(t *testing.T) {
	var before *v1.Run
	inWorld(t, func(t *testing.T, w *world) {
		before = w.partly(t, w.config(loadCases(t, "isolation-deny-*")...), 1)
	})
	for _, tc := range []struct {
		what   string
		change func(*v1.RunConditions)
	}{
		{"engine", func(c *v1.RunConditions) { c.Engine = "other" }},
		{"version of netassay", func(c *v1.RunConditions) { c.Tool = "v9" }},
		{"Kubernetes", func(c *v1.RunConditions) { c.Kubernetes = "v9" }},
		{"number of nodes", func(c *v1.RunConditions) { c.Nodes++ }},
		{"seed", func(c *v1.RunConditions) { c.Seed++ }},
		{"timing", func(c *v1.RunConditions) { c.Timing.Hold++ }},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			other := *before
			tc.change(&other.RunConditions)
			cfg := w.config(loadCases(t, "isolation-deny-*")...)
			cfg.Resumed = &other
			_, err := Run(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), "its "+tc.what+" is") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", tc.what, err)
			}
		})
	}
}
