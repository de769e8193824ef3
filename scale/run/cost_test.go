package run

import (
	"testing"
	"time"
)

// TestIdleness: what a process does now and then is not work, as long as it is little; what is
// more begins the time anew.
func TestIdleness(t *testing.T) {
	start := time.Unix(1000, 0)
	i := idleness{allowed: 20 * time.Millisecond}
	for _, tc := range []struct{ at, used, lasts int }{ // ms
		{0, 3000, 0},        // what was before does not count
		{200, 3015, 200},    // a look
		{400, 3015, 400},    //
		{600, 3020, 600},    // as much as is allowed
		{800, 3021, 0},      // and more
		{1000, 3041, 200},   // from there on
		{1200, 4000, 0},     // work
		{11200, 4020, 10e3}, // rest
	} {
		got := i.lasts(start.Add(time.Duration(tc.at)*time.Millisecond), time.Duration(tc.used)*time.Millisecond)
		if want := time.Duration(tc.lasts) * time.Millisecond; got != want {
			t.Errorf("at %d ms, %d ms used: idle for %v, want %v", tc.at, tc.used, got, want)
		}
	}
}
