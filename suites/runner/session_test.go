package runner

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// session opens a started session of these cases.
func (w *world) session(t *testing.T, ctx context.Context, cfg Config) *Session {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) closeSession(t *testing.T, ctx context.Context, s *Session) *v1.Run {
	t.Helper()
	run := s.Close(ctx)
	synctest.Wait()
	w.checkClean(t)
	return run
}

func play(t *testing.T, ctx context.Context, s *Session, name string) v1.Case {
	t.Helper()
	c, err := s.Play(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whoever asks for all cases one by one gets what Run gives: outcomes, steps and cells.
func TestSessionIsRunOneByOne(t *testing.T) {
	whole := map[string]v1.Outcome{}
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		for _, c := range w.run(t, w.config(loadCases(t, "isolation-*", "update-*", "node-*")...)).Cases {
			whole[c.Name] = c.Outcome
		}
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		s := w.session(t, t.Context(), w.config(loadCases(t, "isolation-*", "update-*", "node-*")...))
		asked := map[string]v1.Outcome{}
		for _, name := range s.Order() {
			asked[name] = play(t, t.Context(), s, name).Outcome
		}
		if diff := cmp.Diff(whole, asked); diff != "" {
			t.Errorf("outcomes (-run +session):\n%s", diff)
		}
		run := w.closeSession(t, t.Context(), s)
		for _, c := range run.Cases {
			if c.Outcome != asked[c.Name] || len(c.Steps) == 0 {
				t.Errorf("case %s: %s with %d steps in the result, was %s", c.Name, c.Outcome, len(c.Steps), asked[c.Name])
			}
		}
		// One after the other needs one fixture set, but for those that a failure spoilt.
		if !slices.ContainsFunc(run.Cases, func(c v1.Case) bool { return c.FixtureSet == "a1" }) {
			t.Error("no case was played in the first fixture set")
		}
	})
}

// However many ask at once, no more fixture sets are at work than Parallel.
func TestSessionBoundsItsFixtureSets(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-*", "port-*", "label-*")...)
		cfg.Parallel = 2
		s := w.session(t, t.Context(), cfg)
		var wg sync.WaitGroup
		for _, name := range s.Order() {
			wg.Go(func() {
				if c, err := s.Play(t.Context(), name); err != nil || c.Outcome != v1.Pass {
					t.Errorf("case %s: %s, %v", name, c.Outcome, err)
				}
			})
		}
		wg.Wait()
		run := w.closeSession(t, t.Context(), s)
		used := map[string]bool{}
		for _, c := range run.Cases {
			used[c.FixtureSet] = true
		}
		if want := map[string]bool{"a1": true, "a2": true}; !cmp.Equal(want, used) {
			t.Errorf("fixture sets %v, want a1 and a2", used)
		}
	})
}

func TestSessionAskedAfterItWasStopped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := w.config(loadCases(t, "isolation-*")...)
		s := w.session(t, ctx, cfg)
		order := s.Order()
		first := play(t, ctx, s, order[0])
		cancel()
		if c := play(t, ctx, s, order[1]); c.Outcome != v1.Unfinished {
			t.Errorf("asked after it was stopped: %s (%s)", c.Outcome, c.Reason)
		}
		run := w.closeSession(t, ctx, s)
		if first.Outcome != v1.Pass || run.Count(v1.Pass) != 1 || run.Count(v1.Unfinished) != len(cfg.Cases)-1 {
			t.Errorf("first %s; %d passed, %d unfinished of %d", first.Outcome, run.Count(v1.Pass), run.Count(v1.Unfinished), len(cfg.Cases))
		}
	})
}

func TestSessionThatIsNotAskedForAll(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Session)
		want map[v1.Outcome]int
	}{
		{"skipped", func(s *Session) { s.Skip("fail-fast") }, map[v1.Outcome]int{v1.Pass: 1, v1.Skipped: 2}},
		{"forgotten", (*Session).Forget, map[v1.Outcome]int{v1.Pass: 1}},
		{"abandoned", func(*Session) {}, map[v1.Outcome]int{v1.Pass: 1, v1.Unfinished: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				s := w.session(t, t.Context(), w.config(loadCases(t, "isolation-none", "port-named", "label-client")...))
				play(t, t.Context(), s, "port-named")
				tc.end(s)
				run := w.closeSession(t, t.Context(), s)
				got := map[v1.Outcome]int{}
				for _, c := range run.Cases {
					got[c.Outcome]++
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if tc.name == "forgotten" && !slices.Equal(run.Order, []string{"port-named"}) {
					t.Errorf("order %v of one case", run.Order)
				}
			})
		})
	}
}

func TestSessionAnswersWithoutPlaying(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "sctp-port", "isolation-none")...)
		cfg.Unsupported = []engines.Unsupported{{Feature: string(cases.SCTP), Reason: "no SCTP match", Then: engines.Refused}}
		s := w.session(t, t.Context(), cfg)
		if c := play(t, t.Context(), s, "sctp-port"); c.Outcome != v1.NotSupported {
			t.Errorf("unsupported: %s (%s)", c.Outcome, c.Reason)
		}
		once, twice := play(t, t.Context(), s, "isolation-none"), play(t, t.Context(), s, "isolation-none")
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("asked twice (-first +second):\n%s", diff)
		}
		if _, err := s.Play(t.Context(), "isolation-nine"); err == nil {
			t.Error("a case that the session does not have was played")
		}
		w.closeSession(t, t.Context(), s)
	})
}
