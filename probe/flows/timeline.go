package flows

import (
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/wire"
)

// Change is one change on purpose of the verdict of some flows. Times are CLOCK_MONOTONIC
// of the harness (probe.Now).
type Change struct {
	Allow bool          // what the verdict has to become
	Due   time.Duration // when the schedule wanted it; equal to Call when nothing was scheduled
	Call  time.Duration // before the request was made
	Ack   time.Duration // when it had been answered
	Until time.Duration // when the next change of these flows began: nothing later counts
}

// Timeline are the changes of the same flows, in their order.
type Timeline []Change

// Add adds a change, which ends the time of the one before.
func (t *Timeline) Add(c Change) {
	t.End(c.Call)
	*t = append(*t, c)
}

// End ends the time of the last change.
func (t Timeline) End(at time.Duration) {
	if n := len(t); n > 0 {
		t[n-1].Until = at
	}
}

// Seen is what one stream showed of a change.
type Seen struct {
	// First is when the new verdict was there first; 0 when it never was. For a deny, that is
	// when the first packet that did not arrive was due; for an allow, when one arrived.
	First time.Duration
	// Stable is when it was there for good: First, when it did not flip.
	Stable time.Duration
	// Flips is how often the verdict was wrong again after First.
	Flips int
	// Blind is how long before Stable no packet was sent: it may be so much too late.
	Blind time.Duration
	// Censored: the verdict was not right for good before Until.
	Censored bool
	// Wrong is for how long the verdict was wrong between Ack and Until.
	Wrong time.Duration
	// Void is why nothing can be said; "" when something can.
	Void string
}

// PreCheck is how far back before a change the old verdict must be seen: streams have to
// run for so long when the first change begins.
const PreCheck = 30 * time.Millisecond

// slack is how late a packet may arrive without the flow being taken for cut.
const slack = 10 * time.Millisecond

// Observe reads one stream's part in a change. A verdict counts when it holds until the
// next change.
func Observe(c Change, s probe.StreamReport) Seen {
	if reason := unfit(c, s); reason != "" {
		return Seen{Void: reason}
	}
	passed := arrivals(s)
	if before := passed.within(c.Call-PreCheck, c.Call); len(before) > 0 == c.Allow {
		return Seen{Void: "the flow had the new verdict already before the change"}
	}
	out := denied(c, s, passed)
	if c.Allow {
		out = allowed(c, s, passed)
	}
	if out.Censored && silentAt(s, c.Until) {
		return Seen{Void: "the sender was silent when the next change began"}
	}
	return out
}

func allowed(c Change, s probe.StreamReport, passed stretches) Seen {
	out := Seen{Wrong: max(0, c.Until-c.Ack) - passed.within(c.Ack, c.Until).total()}
	step := s.Stream.Interval
	for _, one := range passed.within(c.Call, c.Until) {
		if out.First == 0 {
			out.First = one.From
		}
		if one.To < c.Until-step-slack {
			out.Flips++
		}
	}
	last := passed.lastBefore(c.Until)
	if last.To < c.Until-step-slack || last.From <= c.Call-PreCheck {
		out.Censored = true
		return out
	}
	out.Stable, out.Blind = max(last.From, c.Call), silence(s, last.From-step-slack)
	return out
}

func denied(c Change, s probe.StreamReport, passed stretches) Seen {
	out := Seen{Wrong: passed.within(c.Ack, c.Until).total()}
	if end := passed.firstGap(c.Call); end < c.Until {
		out.First = end + silence(s, end)
	}
	for _, one := range passed {
		if out.First > 0 && one.From > out.First && one.From < c.Until {
			out.Flips++
		}
	}
	last := passed.lastBefore(c.Until)
	if last.To >= c.Until {
		out.Censored = true
		return out
	}
	out.Blind = silence(s, last.To)
	out.Stable = max(last.To, c.Call) + out.Blind
	return out
}

// unfit says why a stream can't tell of a change.
func unfit(c Change, s probe.StreamReport) string {
	if s.Sender.Sent > 0 && (s.Sender.Start > c.Call-PreCheck || s.Sender.End < c.Until-slack-s.Stream.Interval) {
		return "the stream did not run all the time"
	}
	return Unlisted(s)
}

// Unlisted is why a report does not list every packet that arrived; "" when it does.
func Unlisted(s probe.StreamReport) string {
	switch {
	case s.Sender.Sent == 0:
		return "the sender sent nothing"
	case len(s.Unasked) > 0:
		return "a receiver could not be asked"
	case slices.ContainsFunc(s.Receivers, func(r probe.Received) bool { return r.SpansBeyond > 0 }):
		return "the flow was interrupted too often to be listed"
	}
	return ""
}

// stretches are times in which packets passed.
type stretches []Interval

// arrivals are the times in which packets passed, in order. A span ends with the interval
// of its last packet.
func arrivals(s probe.StreamReport) stretches {
	var out stretches
	for _, r := range s.Receivers {
		for _, span := range r.Spans {
			out = append(out, Interval{span.FirstAt, span.LastAt + s.Stream.Interval})
		}
	}
	slices.SortFunc(out, func(a, b Interval) int { return int(a.From - b.From) })
	return out
}

func (s stretches) within(from, to time.Duration) stretches {
	var out stretches
	for _, one := range s {
		if one.From < to && one.To > from {
			out = append(out, Interval{max(one.From, from), min(one.To, to)})
		}
	}
	return out
}

func (s stretches) total() time.Duration {
	var sum time.Duration
	for _, one := range s {
		sum += one.To - one.From
	}
	return sum
}

// lastBefore is the last stretch that began before t, cut there.
func (s stretches) lastBefore(t time.Duration) Interval {
	var out Interval
	for _, one := range s {
		if one.From < t {
			out = Interval{one.From, min(one.To, t)}
		}
	}
	return out
}

// firstGap is the first time from t on that is in no stretch.
func (s stretches) firstGap(t time.Duration) time.Duration {
	for _, one := range s {
		if one.From <= t && one.To > t {
			t = one.To
		}
	}
	return t
}

// silentAt reports whether the sender was silent at t, and for so long before it that nothing
// shows what the verdict was: a flow that was denied and allowed again within a silence has
// lost no packet.
func silentAt(s probe.StreamReport, t time.Duration) bool {
	step := s.Stream.Interval
	return slices.ContainsFunc(s.Sender.Outages, func(o wire.Outage) bool { return o.From <= t-slack && o.To+step >= t })
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
