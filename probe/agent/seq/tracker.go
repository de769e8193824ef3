package seq

import (
	"net/netip"
	"slices"
	"sort"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Options of a Tracker.
type Options struct {
	Stream  uint64
	From    netip.AddrPort
	Bucket  time.Duration // counting interval; 100 ms when 0
	Blocked bool          // nothing may arrive: keep the time of every arrival
}

// Tracker follows one stream. Numbers begin at 0.
type Tracker struct {
	opts    Options
	spans   []wire.Span // sorted, disjoint, never adjacent
	buckets []wire.Bucket
	bucket  time.Duration
	start   time.Duration // of the first bucket
	report  wire.ReceiverReport
}

// defaultBucket is the counting interval when none is asked for.
const defaultBucket = 100 * time.Millisecond

// New starts to follow a stream.
func New(o Options) *Tracker {
	if o.Bucket <= 0 {
		o.Bucket = defaultBucket
	}
	return &Tracker{opts: o, bucket: o.Bucket, report: wire.ReceiverReport{Stream: o.Stream, From: o.From}}
}

// Arrive counts number seq, which came at time at. A clock that was set back does not make
// it come before what it came after.
func (t *Tracker) Arrive(seq uint64, at time.Duration) {
	r := &t.report
	at = max(at, r.LastAt)
	if len(t.spans) == 0 {
		r.FirstAt, t.start = at, at
	}
	late := len(t.spans) > 0 && seq < t.spans[len(t.spans)-1].Last
	fresh := t.insert(seq, at)
	b := t.bucketAt(at)
	switch {
	case !fresh:
		r.Duplicates++
		b.Duplicates++
	case late:
		r.Late++
		fallthrough
	default:
		r.Received++
		count(b, seq)
	}
	r.LastAt = at
	if !t.opts.Blocked {
		return
	}
	if len(r.Leaks) < wire.MaxListed {
		r.Leaks = append(r.Leaks, at)
	}
}

func count(b *wire.Bucket, seq uint64) {
	if b.Received == 0 {
		b.First, b.Last = seq, seq
	}
	b.Received++
	b.First, b.Last = min(b.First, seq), max(b.Last, seq)
}

// insert puts seq into the spans and reports whether it was new.
func (t *Tracker) insert(seq uint64, at time.Duration) bool {
	// In almost every case the number follows the last one.
	i := len(t.spans)
	if i > 0 && seq <= t.spans[i-1].Last {
		i = sort.Search(len(t.spans), func(i int) bool { return t.spans[i].First > seq })
	}
	// spans[i-1].First <= seq < spans[i].First
	if i > 0 && seq <= t.spans[i-1].Last {
		return false
	}
	after := i > 0 && t.spans[i-1].Last+1 == seq
	before := i < len(t.spans) && t.spans[i].First == seq+1
	switch {
	case after && before:
		left, right := &t.spans[i-1], t.spans[i]
		left.Last, left.LastAt = right.Last, max(right.LastAt, at)
		t.spans = slices.Delete(t.spans, i, i+1)
	case after:
		t.spans[i-1].Last, t.spans[i-1].LastAt = seq, at
	case before:
		t.spans[i].First, t.spans[i].LastAt = seq, at
	default:
		t.spans = slices.Insert(t.spans, i, wire.Span{First: seq, Last: seq, FirstAt: at, LastAt: at})
	}
	return true
}

// bucketAt is the bucket of time at. When the buckets become too many, neighbours are
// joined and the interval doubles.
func (t *Tracker) bucketAt(at time.Duration) *wire.Bucket {
	i := int((at - t.start) / t.bucket)
	for i >= wire.MaxListed {
		t.join()
		i = int((at - t.start) / t.bucket)
	}
	for len(t.buckets) <= i {
		t.buckets = append(t.buckets, wire.Bucket{Start: t.start + time.Duration(len(t.buckets))*t.bucket})
	}
	return &t.buckets[i]
}

func (t *Tracker) join() {
	var joined []wire.Bucket
	for pair := range slices.Chunk(t.buckets, 2) {
		b := pair[0]
		for _, next := range pair[1:] {
			b = sum(b, next)
		}
		joined = append(joined, b)
	}
	t.buckets, t.bucket = joined, 2*t.bucket
}

func sum(a, b wire.Bucket) wire.Bucket {
	switch {
	case b.Received == 0:
	case a.Received == 0:
		a.First, a.Last = b.First, b.Last
	default:
		a.First, a.Last = min(a.First, b.First), max(a.Last, b.Last)
	}
	a.Received += b.Received
	a.Duplicates += b.Duplicates
	return a
}

// Report is what has been seen so far.
func (t *Tracker) Report() wire.ReceiverReport {
	r := t.report
	r.BucketLen = t.bucket
	r.Buckets = slices.Clone(t.buckets)
	next := uint64(0)
	for _, s := range t.spans {
		missing := s.First - next
		r.Lost += missing
		r.Buckets[int((s.FirstAt-t.start)/t.bucket)].Lost += missing
		next = s.Last + 1
	}
	if n := len(t.spans); n > 0 {
		r.First, r.Last = t.spans[0].First, t.spans[n-1].Last
	}
	r.Spans = slices.Clone(t.spans[:min(len(t.spans), wire.MaxListed)])
	r.SpansBeyond = uint64(len(t.spans) - len(r.Spans))
	r.Leaks = slices.Clone(r.Leaks)
	return r
}
