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
			wait, ok := s.wait(t0)
			if ok != (tc.want != 0) || ok && wait != tc.want {
				t.Errorf("due after %v, %v; want %v", wait, ok, tc.want)
			}
		})
	}
}
