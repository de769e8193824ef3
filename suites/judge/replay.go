package judge

import (
	"slices"
	"time"

	"github.com/netassay/netassay/model"
)

// proof is what one observation proves about its cell.
type proof int

const (
	proofNone proof = iota
	proofRight
	proofWrong
)

// shownAt is the time that an observation stands for. Silence shows what became of the
// first packet; an answer may be one to a copy that was sent later, so only its arrival is
// certain.
func (o *Observation) shownAt() time.Duration {
	if o.Result == Dropped {
		return o.Sent
	}
	return o.Done
}

// run is an unbroken run of right observations.
type run struct {
	first, last *Observation
	n           int
}

// held is how long after the ack the run lasted. What was right before the ack proves that
// nothing broke on the way, not that the step left it so.
func (h *history) held(c *Cell, w Window) time.Duration {
	if h.run.n == 0 {
		return 0
	}
	return max(h.run.last.Sent-max(h.since(c, w), w.Acked), 0)
}

// since is since when the cell is right, if it is. One that the step does not change was so
// before it, by the step before or the baseline, and is until something else is seen.
func (h *history) since(c *Cell, w Window) time.Duration {
	if !c.Changed() && h.violation == nil {
		return w.Begun
	}
	return h.run.first.Sent
}

// history is a cell's observations, replayed in the order in which they were sent.
type history struct {
	run        run          // the right run at the end; empty when the end is wrong
	firstRight *Observation // ever
	violation  *Observation // the first wrong one
	relapse    *Observation // the first that let through what had been denied before
	lastWrong  *Observation
	lastProof  *Observation // the last conclusive one
	last       *Observation // the last of all
	wrongs     int
	flips      int
	conclusive int
}

func replay(c *Cell, w Window) history {
	var h history
	obs := ordered(c, w)
	for i := range obs {
		p := prove(c, &obs[i], w)
		if p == proofWrong && h.relapse == nil && h.firstRight != nil && c.staysDenied() {
			h.relapse = &obs[i]
		}
		h.add(&obs[i], p)
	}
	return h
}

// staysDenied reports whether the cell, once denied, must be let through no more: nothing in
// the step explains it.
func (c *Cell) staysDenied() bool { return c.Want == model.Deny && c.Changed() && !c.Passing }

// overdue reports whether the cell was seen wrong when it had had its time. Only that convicts
// a cell which could become right.
func (h *history) overdue(w Window) bool { return h.lastWrong != nil && h.lastWrong.Sent >= w.Due() }

func (h *history) add(o *Observation, p proof) {
	h.last = o
	switch p {
	case proofNone:
		return
	case proofRight:
		if h.firstRight == nil {
			h.firstRight = o
		}
		if h.run.n == 0 {
			h.run.first = o
		}
		h.run.last = o
		h.run.n++
	case proofWrong:
		if h.run.n > 0 {
			h.flips++
		}
		if h.violation == nil {
			h.violation = o
		}
		h.lastWrong = o
		h.wrongs++
		h.run = run{}
	}
	h.lastProof = o
	h.conclusive++
}

// settle is how long before the end of a step a probe must have been sent for its silence
// to be the step's: longer than any packet is on its way.
const settle = 50 * time.Millisecond

// minPackets is how many packets of one flow must have gone unanswered for silence to be a
// block. A filter that drops the first only lets each connection through a second later.
const minPackets = 2

// prove weighs one observation. The order of the cases is the order of the laws.
func prove(c *Cell, o *Observation, w Window) proof {
	switch {
	case w.Ended > 0 && o.Done > w.Ended && (o.Delivered || o.Result != Dropped):
		// An unanswered datagram is sent again; the copy that was answered may be one
		// that was sent after the end. Silence to the end and beyond is still silence.
		return proofNone
	case o.Delivered && c.Want == model.Deny:
		return proofWrong // it got in, whatever became of the probe afterwards
	case o.Result == Inconclusive || !o.Result.known():
		return proofNone
	case c.misanswered(o):
		return proofNone
	case o.Result == Connected:
		return c.proves(model.Allow)
	case o.Delivered && o.Result != Dropped:
		// Refused after it was received: an answer came back, only not the usual one.
		// Dropped although received is an outage: replies must pass too.
		return c.proves(model.Allow)
	case o.Result == Dropped && o.Packets < minPackets:
		return proofNone // one packet can get lost
	case o.Server != ControlLive || o.Client != ControlLive:
		return proofNone
	case c.Want == model.Allow && w.Ended > 0 && o.Done > w.Ended && w.Ended-o.Sent < settle:
		return proofNone // its packets may have met what came next
	default:
		return c.proves(model.Deny)
	}
}

// proves compares what an observation shows with what is wanted.
func (c *Cell) proves(shown model.Verdict) proof {
	if c.Want == shown {
		return proofRight
	}
	return proofWrong
}

// misanswered reports whether somebody else than the cell's server took the probe: an address
// was reused or a Service led elsewhere, so that it says nothing about this cell.
func (c *Cell) misanswered(o *Observation) bool {
	return c.Server != "" && o.Answered != "" && o.Answered != c.Server
}

func (r Result) known() bool {
	return slices.Contains([]Result{Connected, Dropped, Refused, Unreachable, Inconclusive}, r)
}
