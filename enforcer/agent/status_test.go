package agent

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/watch"
)

func TestReadiness(t *testing.T) {
	t0 := time.Unix(1000, 0)
	good := func(s *status) { s.set(func(now *Status) { now.Ready, now.Reason = true, "" }) }
	for _, tc := range []struct {
		name string
		make func(s *status)
		want string // in the reason; "" is ready
	}{
		{"before the first list", func(*status) {}, "first list"},
		{"in sync", good, ""},
		{"a change waits for a moment", func(s *status) { good(s); s.waiting(t0.Add(-staleAfter / 2)) }, ""},
		{"a change waits for too long", func(s *status) { good(s); s.waiting(t0.Add(-2 * staleAfter)) }, "waiting to be enforced for 2m0s"},
		{"the change is in", func(s *status) { good(s); s.waiting(t0.Add(-2 * staleAfter)); s.waiting(time.Time{}) }, ""},
		{"API server away for a moment", func(s *status) { good(s); s.away(watch.Pods, true, t0.Add(-time.Second)) }, ""},
		{"API server away for long", func(s *status) {
			good(s)
			s.away(watch.Pods, true, t0.Add(-2*staleAfter))
			s.away(watch.Pods, true, t0) // another attempt
		}, "watch of pod failing for 2m0s"},
		{"API server back", func(s *status) {
			good(s)
			s.away(watch.Pods, true, t0.Add(-2*staleAfter))
			s.away(watch.Pods, false, t0)
		}, ""},
	} {
		s := newStatus("", slog.New(slog.DiscardHandler))
		tc.make(s)
		if got := s.ready(t0); tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestAlive(t *testing.T) {
	t0 := time.Unix(1000, 0)
	s := newStatus("", slog.New(slog.DiscardHandler))
	s.touch(t0)
	if got := s.alive(t0.Add(stuckAfter)); got != "" {
		t.Errorf("idle: %q", got)
	}
	if got := s.alive(t0.Add(stuckAfter + time.Second)); !strings.Contains(got, "stuck for 5m1s") {
		t.Errorf("stuck: %q", got)
	}
}
