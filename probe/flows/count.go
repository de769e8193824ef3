package flows

import (
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
)

// Counts are the packets of one stream whose verdict must not change, by what had to become
// of them: none of a blocked stream may arrive, all of another must.
type Counts struct {
	Sent   uint64
	Leaked uint64 // of a blocked stream: arrived
	Lost   uint64 // of another: did not arrive
	// Overflow did not arrive either, but may have been lost in the receiver's own socket,
	// which says nothing of the way there. They are not in Lost.
	Overflow uint64
}

// Count counts a stream's packets.
func Count(r probe.StreamReport) Counts {
	c := Counts{Sent: r.Sender.Sent}
	if r.Stream.Blocked {
		c.Leaked = r.Received
		return c
	}
	c.Overflow = min(r.Lost, r.Overflow)
	c.Lost = r.Lost - c.Overflow
	return c
}

// Interval is a time [From, To).
type Interval struct{ From, To time.Duration }

// Span is a number of packets in sequence with the same fate, and when it met them: for
// packets that did not arrive, between the arrivals around them.
type Span struct {
	Interval
	Count uint64
}

// Wrong are the packets of a stream that did not do as they must: what arrived of a blocked
// stream, what did not arrive of another. Overflow can't be told apart here, so that the
// counts may be larger than those of Count.
func Wrong(r probe.StreamReport) []Span {
	if !r.Stream.Blocked {
		return gaps(r)
	}
	var out []Span
	for _, got := range r.Receivers {
		for _, s := range got.Spans {
			out = append(out, Span{Interval{s.FirstAt, s.LastAt}, s.Last - s.First + 1})
		}
	}
	return out
}

// gaps are the runs of lost packets of a stream with one receiver, those at its ends too.
func gaps(r probe.StreamReport) []Span {
	if r.Sender.Sent == 0 || r.Lost == 0 {
		return nil
	}
	if len(r.Receivers) != 1 {
		return []Span{{Interval{r.Sender.Start, r.Sender.End}, r.Lost}}
	}
	var out []Span
	next, at := uint64(0), r.Sender.Start
	for _, s := range r.Receivers[0].Spans {
		if s.First > next {
			out = append(out, Span{Interval{at, s.FirstAt}, s.First - next})
		}
		next, at = s.Last+1, s.LastAt
	}
	if next < r.Sender.Sent && r.Receivers[0].SpansBeyond == 0 {
		out = append(out, Span{Interval{at, r.Sender.End}, r.Sender.Sent - next})
	}
	return out
}

// Reached are the times in which packets of a stream reached a receiver, as exactly as the
// receiver counts.
func Reached(r probe.StreamReport) []Interval {
	var out []Interval
	for _, got := range r.Receivers {
		for _, b := range got.Buckets {
			if b.Received > 0 {
				out = append(out, Interval{b.Start, b.Start + got.BucketLen})
			}
		}
	}
	return out
}

// Unproven is how many packets a blocked stream may at most have sent outside of the times
// of controls, in which another stream reached the same receiver: their silence is no
// evidence of anything.
func Unproven(r probe.StreamReport, controls []Interval) uint64 {
	step := r.Stream.Interval
	if step <= 0 {
		return r.Sender.Sent
	}
	controls = slices.SortedFunc(slices.Values(controls), func(a, b Interval) int { return int(a.From - b.From) })
	at, end := r.Sender.Start, r.Sender.End
	var uncovered time.Duration
	for _, c := range controls {
		if c.To <= at {
			continue
		}
		if c.From >= end {
			break
		}
		uncovered += max(0, c.From-at)
		at = c.To
	}
	uncovered += max(0, end-at)
	return min(r.Sender.Sent, uint64((uncovered+step-1)/step))
}
