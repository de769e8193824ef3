package run

import (
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
)

// Change is one change on purpose of the verdict of some flows. Times are CLOCK_MONOTONIC
// of the harness.
type Change struct {
	Kind   Kind
	Allow  bool          // what the verdict has to become
	Due    time.Duration // when the schedule wanted it; equal to Call when nothing was scheduled
	Call   time.Duration // before the request was made
	Ack    time.Duration // when it had been answered
	Seen   time.Duration // when the engine says that it heard of it; 0: it does not
	Commit time.Duration // when the engine says that it was done; 0: it does not
	Until  time.Duration // when the next change of these flows began: nothing later counts
}

// Seen is what one stream showed of a change.
type Seen struct {
	// At is when the new verdict was there for good: for a deny, when the first packet that
	// did not arrive was due; for an allow, when the first packet arrived.
	At time.Duration
	// Blind is how long before At no packet was sent: At may be so much too late.
	Blind time.Duration
	// Censored: the verdict was not right before Until.
	Censored bool
	// Wrong is for how long the verdict was wrong between Ack and Until.
	Wrong time.Duration
	// Void is why nothing can be said; "" when something can.
	Void string
}

// preCheck is how far back before a change the old verdict must be seen.
const preCheck = 30 * time.Millisecond

// Observe reads one stream's part in a change. A verdict counts when it holds until the
// next change.
func Observe(c Change, s probe.StreamReport) Seen {
	if reason := unfit(c, s); reason != "" {
		return Seen{Void: reason}
	}
	passed := arrivals(s)
	if before := within(passed, c.Call-preCheck, c.Call); before.any() == c.Allow {
		return Seen{Void: "the flow had the new verdict already before the change"}
	}
	after := within(passed, c.Ack, c.Until)
	out := Seen{Wrong: after.total()}
	if c.Allow {
		out.Wrong = max(0, c.Until-c.Ack) - after.total()
	}
	last := lastBefore(passed, c.Until)
	step := s.Stream.Interval
	switch {
	case c.Allow && (last.To < c.Until-step-slack || last.From <= c.Call-preCheck):
		out.Censored = true
	case c.Allow:
		out.At = max(last.From, c.Call)
		out.Blind = silence(s, last.From-step-slack)
	case last.To >= c.Until:
		out.Censored = true
	default:
		out.Blind = silence(s, last.To)
		out.At = max(last.To, c.Call) + out.Blind
	}
	return out
}

// slack is how late a packet may arrive without the flow being taken for cut.
const slack = 10 * time.Millisecond

// unfit says why a stream can't tell of a change.
func unfit(c Change, s probe.StreamReport) string {
	switch {
	case s.Sender.Sent == 0:
		return "the sender sent nothing"
	case s.Sender.Start > c.Call-preCheck || s.Sender.End < c.Until-slack-s.Stream.Interval:
		return "the stream did not run all the time"
	case len(s.Unasked) > 0:
		return "a receiver could not be asked"
	}
	for _, r := range s.Receivers {
		if r.SpansBeyond > 0 {
			return "the flow was interrupted too often to be listed"
		}
	}
	return ""
}

// stretch is a time [From, To) in which packets passed.
type stretch struct{ From, To time.Duration }

type stretches []stretch

// arrivals are the times in which packets passed, in order. A span ends with the interval
// of its last packet.
func arrivals(s probe.StreamReport) stretches {
	var out stretches
	for _, r := range s.Receivers {
		for _, span := range r.Spans {
			out = append(out, stretch{span.FirstAt, span.LastAt + s.Stream.Interval})
		}
	}
	slices.SortFunc(out, func(a, b stretch) int { return int(a.From - b.From) })
	return out
}

func within(in stretches, from, to time.Duration) stretches {
	var out stretches
	for _, s := range in {
		if s.From < to && s.To > from {
			out = append(out, stretch{max(s.From, from), min(s.To, to)})
		}
	}
	return out
}

func (s stretches) any() bool { return len(s) > 0 }

func (s stretches) total() time.Duration {
	var sum time.Duration
	for _, one := range s {
		sum += one.To - one.From
	}
	return sum
}

// lastBefore is the last stretch that began before t, cut there.
func lastBefore(in stretches, t time.Duration) stretch {
	var out stretch
	for _, s := range in {
		if s.From < t {
			out = stretch{s.From, min(s.To, t)}
		}
	}
	return out
}

// silence is how long the sender was silent around t.
func silence(s probe.StreamReport, t time.Duration) time.Duration {
	var worst time.Duration
	step := s.Stream.Interval
	for _, o := range s.Sender.Outages {
		if o.From-step <= t && o.To+step >= t {
			worst = max(worst, o.To-o.From)
		}
	}
	return worst
}
