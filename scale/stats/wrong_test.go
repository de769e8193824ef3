package stats

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

func TestWrongTime(t *testing.T) {
	for _, tc := range []struct {
		name string
		pair Pair
		want Wrong
	}{
		{"right all the time", Pair{Want: []Step{{0, true}}, Seen: []Step{{0, true}}}, Wrong{}},
		{"denied late", Pair{Want: []Step{{0, true}, {20 * ms, false}}, Seen: []Step{{0, true}, {35 * ms, false}}}, Wrong{Leak: 15 * ms}},
		{"allowed late", Pair{Want: []Step{{0, false}, {20 * ms, true}}, Seen: []Step{{0, false}, {50 * ms, true}}}, Wrong{Outage: 30 * ms}},
		{"never denied", Pair{Want: []Step{{20 * ms, false}}, Seen: []Step{{0, true}}}, Wrong{Leak: 80 * ms, Unknown: 20 * ms}},
		{"a flap is as long as it lasts", Pair{Want: []Step{{0, true}}, Seen: []Step{{0, true}, {40 * ms, false}, {43 * ms, true}}}, Wrong{Outage: 3 * ms}},
		{"nothing seen is nothing known", Pair{Want: []Step{{0, true}}}, Wrong{Unknown: 100 * ms}},
		{"begun before", Pair{Want: []Step{{-90 * ms, true}, {-50 * ms, false}}, Seen: []Step{{-90 * ms, true}, {10 * ms, false}}}, Wrong{Leak: 10 * ms}},
		{"ends after", Pair{Want: []Step{{0, true}}, Seen: []Step{{0, true}, {95 * ms, false}, {500 * ms, true}}}, Wrong{Outage: 5 * ms}},
		{"denied before it should be", Pair{Want: []Step{{0, true}, {20 * ms, false}}, Seen: []Step{{0, true}, {18 * ms, false}}}, Wrong{Outage: 2 * ms}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, WrongTime([]Pair{tc.pair}, 0, 100*ms)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCurve(t *testing.T) {
	want := []Step{{0, true}, {10 * ms, false}}
	pairs := []Pair{
		{Want: want, Seen: []Step{{0, true}, {30 * ms, false}}},
		{Want: want, Seen: []Step{{0, true}, {20 * ms, false}, {40 * ms, true}}},
		{Want: []Step{{0, true}}, Seen: []Step{{0, true}, {20 * ms, false}}},
	}
	got := Curve(pairs, 0, 50*ms)
	if diff := cmp.Diff([]Backlog{
		{At: 0},
		{At: 10 * ms, Leaks: 2},
		{At: 20 * ms, Leaks: 1, Outages: 1},
		{At: 30 * ms, Outages: 1},
		{At: 40 * ms, Leaks: 1, Outages: 1},
		{At: 50 * ms},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The sums are those of looking at each millisecond, and the curve's integral is the sums.
func TestWrongTimeProperty(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	steps := func() []Step {
		var out []Step
		at := time.Duration(r.IntN(60)-30) * ms
		for range r.IntN(6) {
			out = append(out, Step{at, r.IntN(2) == 0})
			at += time.Duration(r.IntN(40)) * ms
		}
		return out
	}
	last := func(list []Step, at time.Duration) (allow, ok bool) {
		for _, s := range list {
			if s.At <= at {
				allow, ok = s.Allow, true
			}
		}
		return allow, ok
	}
	for range 1000 {
		var pairs []Pair
		for range 1 + r.IntN(5) {
			pairs = append(pairs, Pair{Want: steps(), Seen: steps()})
		}
		var want Wrong
		for at := time.Duration(0); at < 100*ms; at += ms {
			for _, p := range pairs {
				w, known := last(p.Want, at)
				s, seen := last(p.Seen, at)
				switch {
				case !known || !seen:
					want.Unknown += ms
				case s && !w:
					want.Leak += ms
				case w && !s:
					want.Outage += ms
				}
			}
		}
		if diff := cmp.Diff(want, WrongTime(pairs, 0, 100*ms)); diff != "" {
			t.Fatalf("seed %d: %+v (-want +got):\n%s", seed, pairs, diff)
		}
		integral := Wrong{Unknown: want.Unknown}
		curve := append(Curve(pairs, 0, 100*ms), Backlog{At: 100 * ms})
		for i := range curve[:len(curve)-1] {
			d := curve[i+1].At - curve[i].At
			integral.Leak += time.Duration(curve[i].Leaks) * d
			integral.Outage += time.Duration(curve[i].Outages) * d
		}
		if integral != want {
			t.Fatalf("seed %d: the curve's integral is %+v, want %+v", seed, integral, want)
		}
	}
}
