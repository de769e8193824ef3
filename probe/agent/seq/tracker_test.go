package seq

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/probe/wire"
)

const ms = time.Millisecond

var byValue = cmpopts.EquateComparable(netip.AddrPort{})

func TestTracker(t *testing.T) {
	for _, tc := range []struct {
		name string
		seqs []uint64 // arriving 1 ms apart
		want wire.ReceiverReport
	}{
		{"nothing", nil, wire.ReceiverReport{}},
		{"all", []uint64{0, 1, 2}, wire.ReceiverReport{Received: 3, Last: 2}},
		{"first ones lost", []uint64{3, 4}, wire.ReceiverReport{Received: 2, Lost: 3, First: 3, Last: 4}},
		{"a hole", []uint64{0, 1, 5, 6}, wire.ReceiverReport{Received: 4, Lost: 3, Last: 6}},
		{"twice", []uint64{0, 0, 1, 0, 1}, wire.ReceiverReport{Received: 2, Duplicates: 3, Last: 1}},
		{"swapped", []uint64{0, 2, 1, 3}, wire.ReceiverReport{Received: 4, Late: 1, Last: 3}},
		{"backwards", []uint64{3, 2, 1, 0}, wire.ReceiverReport{Received: 4, Late: 3, Last: 3}},
		{"late and alone in a hole", []uint64{0, 6, 3}, wire.ReceiverReport{Received: 3, Late: 1, Lost: 4, Last: 6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := New(Options{})
			for i, s := range tc.seqs {
				tr.Arrive(s, time.Duration(i+1)*ms)
			}
			ignore := cmpopts.IgnoreFields(wire.ReceiverReport{}, "FirstAt", "LastAt", "BucketLen", "Buckets", "Spans")
			if d := cmp.Diff(tc.want, tr.Report(), ignore, byValue, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("report (-want +got):\n%s", d)
			}
		})
	}
}

func TestSpansAndBuckets(t *testing.T) {
	tr := New(Options{Bucket: 10 * ms, Blocked: true})
	for _, a := range []struct {
		seq uint64
		at  time.Duration
	}{{1, 100 * ms}, {2, 101 * ms}, {12, 111 * ms}, {5, 125 * ms}} {
		tr.Arrive(a.seq, a.at)
	}
	got := tr.Report()
	want := wire.ReceiverReport{
		Received: 4, Lost: 9, Late: 1, First: 1, Last: 12,
		FirstAt: 100 * ms, LastAt: 125 * ms, BucketLen: 10 * ms,
		Buckets: []wire.Bucket{
			{Start: 100 * ms, Received: 2, Lost: 1, First: 1, Last: 2},
			{Start: 110 * ms, Received: 1, Lost: 6, First: 12, Last: 12},
			{Start: 120 * ms, Received: 1, Lost: 2, First: 5, Last: 5},
		},
		Spans: []wire.Span{
			{First: 1, Last: 2, FirstAt: 100 * ms, LastAt: 101 * ms},
			{First: 5, Last: 5, FirstAt: 125 * ms, LastAt: 125 * ms},
			{First: 12, Last: 12, FirstAt: 111 * ms, LastAt: 111 * ms},
		},
		Leaks: []time.Duration{100 * ms, 101 * ms, 111 * ms, 125 * ms},
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
}

// Whatever the order, repetition and loss, the sums are right.
func TestAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		n := rng.IntN(200) + 1
		var arrivals []uint64
		seen := map[uint64]bool{}
		for s := range uint64(n) {
			for range rng.IntN(3) {
				arrivals, seen[s] = append(arrivals, s), true
			}
		}
		rng.Shuffle(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
		tr := New(Options{Bucket: ms})
		highest := uint64(0)
		for i, s := range arrivals {
			tr.Arrive(s, time.Duration(i)*300*time.Microsecond)
			highest = max(highest, s)
		}
		r := tr.Report()
		check(t, r, arrivals, seen, highest)
	}
}

func check(t *testing.T, r wire.ReceiverReport, arrivals []uint64, seen map[uint64]bool, highest uint64) {
	t.Helper()
	if len(arrivals) == 0 {
		return
	}
	got := map[string]uint64{"received": r.Received, "duplicates": r.Duplicates, "lost": r.Lost}
	want := map[string]uint64{
		"received":   uint64(len(seen)),
		"duplicates": uint64(len(arrivals) - len(seen)),
		"lost":       highest + 1 - uint64(len(seen)),
	}
	var inBuckets, inSpans, lostInBuckets uint64
	for _, b := range r.Buckets {
		inBuckets += b.Received
		lostInBuckets += b.Lost
	}
	for _, s := range r.Spans {
		inSpans += s.Last - s.First + 1
	}
	got["in buckets"], got["in spans"], got["lost in buckets"] = inBuckets, inSpans, lostInBuckets
	want["in buckets"], want["in spans"], want["lost in buckets"] = want["received"], want["received"], want["lost"]
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%v (-want +got):\n%s", arrivals, d)
	}
}

func TestBucketsAreJoined(t *testing.T) {
	tr := New(Options{Bucket: ms})
	const n = 3 * wire.MaxListed
	for i := range uint64(n) {
		tr.Arrive(i, time.Duration(i)*ms)
	}
	r := tr.Report()
	if len(r.Buckets) > wire.MaxListed || r.BucketLen != 4*ms || r.Received != n || r.Lost != 0 {
		t.Errorf("%d buckets of %v, received %d, lost %d", len(r.Buckets), r.BucketLen, r.Received, r.Lost)
	}
	for i, b := range r.Buckets {
		want := wire.Bucket{Start: time.Duration(i) * 4 * ms, Received: 4, First: uint64(i) * 4, Last: uint64(i)*4 + 3}
		if d := cmp.Diff(want, b); d != "" {
			t.Fatalf("bucket %d (-want +got):\n%s", i, d)
		}
	}
}
