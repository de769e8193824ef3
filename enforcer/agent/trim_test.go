package agent

import (
	"testing"
	"time"
)

func TestTrimming(t *testing.T) {
	t0 := time.Unix(1000, 0)
	type step struct {
		after time.Duration // t0
		size  int
	}
	for _, tc := range []struct {
		name  string
		steps []step
		want  time.Duration // after t0; 0: not wanted
	}{
		{"grows", []step{{0, 1000}, {time.Second, 5000}}, 0},
		{"a little smaller", []step{{0, 5000}, {time.Second, 3000}}, 0},
		{"half of next to nothing", []step{{0, 150}, {time.Second, 0}}, 0},
		{"much smaller", []step{{0, 5000}, {time.Second, 2000}}, time.Second + trimQuiet},
		{"in parts", []step{{0, 5000}, {time.Second, 3000}, {2 * time.Second, 1500}}, 2*time.Second + trimQuiet},
		{"later syncs put it off", []step{{0, 5000}, {time.Second, 20}, {1200 * time.Millisecond, 21}}, 1200*time.Millisecond + trimQuiet},
		{"but not for ever", []step{{0, 5000}, {time.Second, 20}, {time.Minute, 21}}, time.Second + trimLatest},
		{"grown again", []step{{0, 5000}, {time.Second, 20}, {1200 * time.Millisecond, 4900}}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s trimming
			for _, step := range tc.steps {
				s.synced(step.size, t0.Add(step.after))
			}
			wait, ok := s.at.Sub(t0), !s.at.IsZero()
			if ok != (tc.want != 0) || ok && wait != tc.want {
				t.Errorf("due after %v, %v; want %v", wait, ok, tc.want)
			}
		})
	}
}

// A new process is wanted when next to nothing is left of what the process ever held, also
// after memory was given back in parts; not for little.
func TestRenew(t *testing.T) {
	for _, tc := range []struct {
		ever, size int
		want       bool
	}{
		{150_000, 20, true},
		{150_000, 15_000, true},
		{150_000, 15_001, false},
		{renewLeast - 1, 0, false},
	} {
		s := trimming{renews: true}
		s.synced(tc.ever, time.Unix(0, 0))
		s.trimmed(tc.size + 1) // just now
		s.synced(tc.size, time.Unix(1, 0))
		if due := !s.at.IsZero(); s.renew(tc.size) != tc.want || due != tc.want {
			t.Errorf("%d of %d: %v, due %v, want %v", tc.size, tc.ever, s.renew(tc.size), due, tc.want)
		}
		s.renews = false
		if s.renew(tc.size) {
			t.Errorf("%d of %d: wanted though nobody may", tc.size, tc.ever)
		}
	}
}
