package chaos

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func drawn(seed uint64, s Sizes) schedule {
	out := draw(seed, s, 2, 2*time.Second)
	out.pace = nil // a source of numbers, not a list
	return out
}

var compareSchedules = cmp.AllowUnexported(schedule{}, ending{}, recreation{}, drift{})

// A seed says all of what is done, and more of one fault moves no other.
func TestScheduleIsTheSeeds(t *testing.T) {
	seed := rand.Uint64()
	sizes := Sizes{Kills: 20, Terms: 10, Recreates: 5, Edits: 30, Drifts: 4}
	first := drawn(seed, sizes)
	if diff := cmp.Diff(first, drawn(seed, sizes), compareSchedules); diff != "" {
		t.Errorf("seed %d: twice the same (-first +second):\n%s", seed, diff)
	}
	if cmp.Equal(first, drawn(seed+1, sizes), compareSchedules) {
		t.Errorf("seeds %d and the next give the same", seed)
	}
	if a, b := draw(seed, sizes, 2, time.Second).pace.Uint64(), draw(seed, sizes, 2, time.Second).pace.Uint64(); a != b {
		t.Errorf("seed %d: the pace of edits differs", seed)
	}
	more := sizes
	more.Kills = 25
	got := drawn(seed, more)
	if diff := cmp.Diff(first.kills, got.kills[:20], compareSchedules); diff != "" {
		t.Errorf("seed %d: more kills change the first (-want +got):\n%s", seed, diff)
	}
	got.kills = first.kills
	if diff := cmp.Diff(first, got, compareSchedules); diff != "" {
		t.Errorf("seed %d: more kills change other faults (-want +got):\n%s", seed, diff)
	}
}

// Every fault is there as often as was asked, hits somebody who is there, and comes soon.
func TestScheduleBounds(t *testing.T) {
	seed := rand.Uint64()
	s := draw(seed, Sizes{Kills: 200, Terms: 50, Recreates: 100, Edits: 300, Drifts: 10}, 2, 2*time.Second)
	if len(s.kills) != 200 || len(s.terms) != 50 || len(s.recreates) != 100 || len(s.edits) != 300 || len(s.drifts) != 10 {
		t.Errorf("seed %d: %d kills, %d terms, %d recreates, %d edits, %d drifts", seed, len(s.kills), len(s.terms), len(s.recreates), len(s.edits), len(s.drifts))
	}
	settled, hit := map[bool]int{}, map[int]int{s.outage: 0}
	for _, e := range s.kills {
		settled[e.settled]++
		hit[e.agent]++
		if e.pause < 0 || e.pause >= 700*time.Millisecond || e.then >= 300*time.Millisecond || !e.settled && e.then != 0 {
			t.Errorf("seed %d: %+v", seed, e)
		}
	}
	if settled[true] == 0 || settled[false] == 0 || hit[0] == 0 || hit[1] == 0 || len(hit) != 2 {
		t.Errorf("seed %d: settled %v, agents %v", seed, settled, hit)
	}
	for i, d := range s.drifts {
		if d.sets != (i%2 == 1) || d.pause >= 2*time.Second {
			t.Errorf("seed %d: drift %d is %+v", seed, i, d)
		}
	}
	for _, pause := range s.edits {
		if pause < 20*time.Millisecond || pause >= 320*time.Millisecond {
			t.Errorf("seed %d: %v between edits", seed, pause)
		}
	}
}
