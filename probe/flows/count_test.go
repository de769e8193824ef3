package flows

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/wire"
)

func TestCount(t *testing.T) {
	overflown := streamOf([2]int{0, 500}, [2]int{700, 1000})
	overflown.Overflow = 150
	blocked := streamOf([2]int{3, 4}, [2]int{9, 11})
	blocked.Stream.Blocked = true
	silent := streamOf()
	silent.Stream.Blocked = true
	span := func(from, to float64, n uint64) Span { return Span{Interval{at(from), at(to)}, n} }
	for _, tc := range []struct {
		name   string
		stream probe.StreamReport
		counts Counts
		wrong  []Span
	}{
		{"all passed", streamOf([2]int{0, 1000}), Counts{Sent: 1000}, nil},
		{"a hole", streamOf([2]int{0, 500}, [2]int{700, 1000}), Counts{Sent: 1000, Lost: 200}, []Span{span(499.5, 700.5, 200)}},
		{"perhaps the receiver's own", overflown, Counts{Sent: 1000, Lost: 50, Overflow: 150}, []Span{span(499.5, 700.5, 200)}},
		{"both ends", streamOf([2]int{10, 990}), Counts{Sent: 1000, Lost: 20}, []Span{span(0, 10.5, 10), span(989.5, 999, 10)}},
		{"none passed", streamOf(), Counts{Sent: 1000, Lost: 1000}, []Span{span(0, 999, 1000)}},
		{"blocked", silent, Counts{Sent: 1000}, nil},
		{"leaked", blocked, Counts{Sent: 1000, Leaked: 3}, []Span{span(3.5, 3.5, 1), span(9.5, 10.5, 2)}},
		{"nothing sent", probe.StreamReport{}, Counts{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.counts, Count(tc.stream)); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wrong, Wrong(tc.stream)); diff != "" {
				t.Errorf("wrong (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever arrives, what is counted and what is listed is the same.
func TestCountProperty(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		n, p := uint64(1+random.IntN(400)), random.Float64()
		r := received(n, func(uint64) bool { return random.Float64() < p })
		r.Stream.Blocked = random.IntN(2) == 0
		c, listed := Count(r), uint64(0)
		for _, s := range Wrong(r) {
			listed += s.Count
		}
		if c.Sent != n || c.Leaked+c.Lost != listed || c.Leaked > 0 && c.Lost > 0 {
			t.Fatalf("seed %d: counts %+v, %d listed", seed, c, listed)
		}
	}
}

// received is what comes of a stream of n packets, one per millisecond, of which those arrive
// for which arrives is true.
func received(n uint64, arrives func(uint64) bool) probe.StreamReport {
	r := probe.StreamReport{
		Stream: probe.Stream{Interval: time.Millisecond},
		Sender: wire.SenderReport{Sent: n, End: time.Duration(n) * time.Millisecond},
	}
	tracker := seq.New(seq.Options{Bucket: 10 * time.Millisecond})
	for i := range n {
		if arrives(i) {
			tracker.Arrive(i, time.Duration(i)*time.Millisecond)
		}
	}
	if got := tracker.Report(); got.Received > 0 {
		r.Receivers, r.Received = []probe.Received{{Receiver: "server", ReceiverReport: got}}, got.Received
	}
	r.Lost = n - r.Received
	return r
}

func TestUnproven(t *testing.T) {
	s := streamOf()
	between := func(from, to float64) Interval { return Interval{at(from), at(to)} }
	for _, tc := range []struct {
		name     string
		controls []Interval
		want     uint64
	}{
		{"no control", nil, 999},
		{"all the time", []Interval{between(-5, 1005)}, 0},
		{"a hole", []Interval{between(0, 500), between(700, 999)}, 200},
		{"a hole, in any order", []Interval{between(700, 999), between(0, 500)}, 200},
		{"overlapping", []Interval{between(0, 500), between(400, 999)}, 0},
		{"before and after", []Interval{between(-10, 0), between(999, 2000)}, 999},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Unproven(s, tc.controls); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// A control reached its receiver when the receiver counted something.
func TestReached(t *testing.T) {
	r := received(100, func(i uint64) bool { return i < 20 || i >= 90 })
	want := []Interval{{at(0), at(10)}, {at(10), at(20)}, {at(90), at(100)}}
	if diff := cmp.Diff(want, Reached(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
