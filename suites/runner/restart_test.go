package runner

import (
	"errors"
	"slices"
	"strings"
	"testing"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Cases that restart something come last, and no other is at work beside them.
func TestRestartsAreAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "restart-*-ingress", "restart-engine-policies", "isolation-deny-*", "port-n*")...)
		cfg.Parallel = 3
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		restarts := 0
		w.restarted = func() error {
			restarts++
			busy := s.stage.journal.during(w.now(), w.now())
			if slices.ContainsFunc(busy, func(a v1.Activity) bool { return a.Case != busy[0].Case }) {
				t.Errorf("at work during a restart: %v", busy)
			}
			return nil
		}
		for i, name := range s.Order() {
			if alone := strings.HasPrefix(name, "restart-"); alone != (i >= len(cfg.Cases)-3) {
				t.Errorf("case %s is number %d of %d", name, i+1, len(cfg.Cases))
			}
		}
		if err := s.playAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectAll(t, w.closeSession(t, t.Context(), s), v1.Pass)
		if restarts != 3 {
			t.Errorf("%d restarts, want 3", restarts)
		}
	})
}

// What can't be started again is nobody's pass.
func TestRestartThatFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.restarted = func() error { return errors.New("start engine again: it ended") }
		run := w.run(t, w.config(loadCases(t, "restart-engine-ingress")...))
		if c := run.Cases[0]; c.Outcome != v1.Error || !strings.Contains(c.Reason, "it ended") {
			t.Errorf("%s (%s)", c.Outcome, c.Reason)
		}
	})
}
