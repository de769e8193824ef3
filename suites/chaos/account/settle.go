package account

import (
	"time"

	"github.com/netassay/netassay/probe"
)

// Change is one change on purpose of the verdict of flipping flows.
type Change struct {
	Allow bool          // what the verdict became
	Call  time.Duration // before the request was made
	Ack   time.Duration // when it had been answered
	Until time.Duration // when the next change began: nothing later counts
}

// Settled is how long after the call and after the ack the last of the streams had the
// new verdict for good; not below 0. ok is false when one of them never had it, or nothing
// can be said of it because its sender was silent.
func (c Change) Settled(streams []probe.StreamReport) (afterCall, afterAck time.Duration, ok bool) {
	var worst time.Duration
	for _, s := range streams {
		at, ok := c.right(s)
		if !ok {
			return 0, 0, false
		}
		worst = max(worst, at)
	}
	return max(0, worst-c.Call), max(0, worst-c.Ack), len(streams) > 0
}

// right is when the stream showed the new verdict for good.
func (c Change) right(s probe.StreamReport) (time.Duration, bool) {
	if s.Sender.Sent == 0 || s.Sender.End < c.Until || s.Sender.Start > c.Call {
		return 0, false
	}
	last, first := time.Duration(0), time.Duration(0) // of the last span that began in time
	for _, r := range s.Receivers {
		for _, span := range r.Spans {
			if span.FirstAt < c.Until {
				first, last = span.FirstAt, min(span.LastAt, c.Until)
			}
		}
	}
	if c.Allow {
		return max(first, c.Call), last >= c.Until
	}
	return max(last, c.Call), last < c.Until
}
