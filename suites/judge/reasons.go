package judge

import (
	"cmp"
	"fmt"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// times fills the convergence times of a cell that the step changes.
func (h *history) times(j *Judgement, w Window) {
	if h.firstRight != nil {
		j.FirstRight = since(h.firstRight, w)
	}
	if h.run.n == 0 {
		return
	}
	j.Stable = since(h.run.first, w)
	if h.lastWrong != nil {
		gap := h.run.first.shownAt() - h.lastWrong.Sent
		j.Resolution = &gap
	}
}

func since(o *Observation, w Window) *time.Duration {
	d := o.shownAt() - w.Acked
	return &d
}

func (j *Judgement) show(o *Observation) {
	if o != nil {
		j.Seen, j.Evidence = o.Result, evidence(o)
	}
}

// undefined says what became of a cell at the end of its step: one that was let through on the
// way only is no mixed one.
func (j *Judgement) undefined(c *Cell, h *history, w Window) {
	j.Outcome = v1.Skipped
	j.Reason = "the API leaves it undefined: observed only"
	j.show(cmp.Or(h.lastProof, h.last))
	for _, o := range ordered(c, w) {
		if prove(c, &o, w) == proofNone || o.Sent < min(w.Ended-w.Hold, h.lastProof.Sent) {
			continue
		}
		shown := v1.ObservedDeny
		if o.Result == Connected || o.Delivered && o.Result != Dropped {
			shown = v1.ObservedAllow
		}
		if j.Observed != "" && j.Observed != shown {
			shown = v1.ObservedMixed
		}
		j.Observed = shown
	}
}

func (j *Judgement) pass(c *Cell, h *history) {
	j.Outcome = v1.Pass
	j.show(h.lastProof)
	if c.Want == model.Deny && h.lastProof.Result != Dropped {
		j.Reason = fmt.Sprintf("blocked by an answer (%s), not in silence", h.lastProof.Result)
	}
}

// transition is the failure of a cell that had to stay as it was.
func (j *Judgement) transition(c *Cell, h *history, w Window) {
	j.Outcome, j.Kind = v1.Fail, kindOf(c)
	j.show(h.violation)
	if c.New != nil && c.New.Began > 0 {
		j.Reason = fmt.Sprintf("must never pass, was %s: %d of %d probes wrong, from %s to %s after the pod's start",
			seenAs(h.violation), h.wrongs, h.conclusive,
			millis(h.violation.Sent-c.New.Began), millis(h.lastWrong.Sent-c.New.Began))
		return
	}
	j.Reason = fmt.Sprintf("must stay %s during the step, was %s: %d of %d probes wrong, from %s to %s after the ack",
		c.Want, seenAs(h.violation), h.wrongs, h.conclusive,
		millis(h.violation.Sent-w.Acked), millis(h.lastWrong.Sent-w.Acked))
}

// tooBlind is for how long nothing may be proved after a wrong observation that is to count
// as the last word.
const tooBlind = 500 * time.Millisecond

// relapsed is the failure of a cell that was denied, and then let something through again.
func (j *Judgement) relapsed(c *Cell, h *history, w Window) {
	j.Outcome, j.Kind = v1.Fail, kindOf(c)
	j.show(h.relapse)
	j.Reason = fmt.Sprintf("denied since %s after the ack, then %s at %s: opened %d times, %d of %d probes wrong",
		millis(h.firstRight.shownAt()-w.Acked), seenAs(h.relapse), millis(h.relapse.Sent-w.Acked),
		h.flips, h.wrongs, h.conclusive)
}

// wrong is the failure of a cell whose last word is wrong. When nothing was proved for long
// after that word, it may have become right unseen; when that word came before the deadline,
// it had time left to become right.
func (j *Judgement) wrong(c *Cell, h *history, w Window) {
	if blind := h.last.Sent - h.lastProof.Sent; blind > tooBlind {
		j.unproven(c, h)
		j.Reason += fmt.Sprintf("; nothing was proved in the last %s", millis(blind))
		return
	}
	j.show(h.lastProof)
	j.Reason = fmt.Sprintf("wants %s, still %s %s after the ack (%d of %d probes wrong)",
		c.Want, seenAs(h.lastProof), millis(h.lastProof.Sent-w.Acked), h.wrongs, h.conclusive)
	j.convict(c, h, w)
}

// late is the failure of a cell that became stable only after the deadline.
func (j *Judgement) late(c *Cell, h *history, w Window) {
	j.show(h.lastProof)
	j.Reason = fmt.Sprintf("right only %s after the ack, the deadline is %s",
		millis(h.run.first.shownAt()-w.Acked), millis(w.Deadline))
	j.convict(c, h, w)
}

// tooShort is a right run that ended before the hold window did. It is the cell's fault when
// it was wrong at the deadline or after it; otherwise it is the harness's: it stopped looking.
func (j *Judgement) tooShort(c *Cell, h *history, w Window) {
	j.show(h.lastProof)
	if h.flips > 0 && h.overdue(w) {
		j.Outcome, j.Kind = v1.Fail, kindOf(c)
		j.show(h.lastWrong)
		j.Reason = fmt.Sprintf("not stable: flipped %d times, right for only the last %s of the step, must hold %s",
			h.flips, millis(h.held(c, w)), millis(w.Hold))
		return
	}
	j.Outcome = v1.Inconclusive
	j.Reason = fmt.Sprintf("right, but seen for %s only, must hold %s", millis(h.held(c, w)), millis(w.Hold))
}

// convict makes a cell that was not right in time fail, if it was looked at when it had had its
// time; otherwise the reason says that it was not.
func (j *Judgement) convict(c *Cell, h *history, w Window) {
	if h.overdue(w) {
		j.Outcome, j.Kind = v1.Fail, kindOf(c)
		return
	}
	j.Outcome = v1.Inconclusive
	j.Reason += fmt.Sprintf("; not seen wrong at or after the deadline of %s", millis(w.Deadline))
	if w.Grace > 0 {
		j.Reason += fmt.Sprintf(" and %s of grace", millis(w.Grace))
	}
}

// unproven explains why nothing was proved.
func (j *Judgement) unproven(c *Cell, h *history) {
	j.Outcome = v1.Inconclusive
	j.show(h.last)
	j.Reason = whyUnproven(c, h.last)
}

func whyUnproven(c *Cell, o *Observation) string {
	switch {
	case o == nil:
		return "never probed after the ack"
	case o.Result == Inconclusive:
		return "the probe itself failed: " + o.Err
	case c.misanswered(o):
		return fmt.Sprintf("%s, answered by %q, which is not this cell's server", o.Result, o.Answered)
	case o.Result == Connected:
		return "answered only after the end of the step"
	case o.Result == Dropped && o.Packets < minPackets:
		return fmt.Sprintf("%s after fewer than %d packets: one can get lost", o.Result, minPackets)
	case o.Server != ControlLive:
		return fmt.Sprintf("%s without a live control: the server's own node %s", o.Result, controlSaid(o.Server))
	case o.Client != ControlLive:
		return fmt.Sprintf("%s without a live control: the client's own node %s", o.Result, controlSaid(o.Client))
	default:
		return fmt.Sprintf("%s, but too close to the end of the step", o.Result)
	}
}

func controlSaid(c Control) string {
	switch c {
	case ControlLive:
		return "reached it"
	case ControlDead:
		return "did not reach it either"
	case ControlMissing:
	}
	return "was not asked"
}

func kindOf(c *Cell) v1.FailureKind {
	if c.Want == model.Deny {
		return v1.Leak
	}
	return v1.Outage
}

// seenAs names an observation for a sentence.
func seenAs(o *Observation) string {
	if o.Delivered && o.Result != Connected {
		return string(o.Result) + " but delivered"
	}
	return string(o.Result)
}

// evidence is the one-line proof of an observation.
func evidence(o *Observation) string {
	s := fmt.Sprintf("%s in %s", o.Result, millis(o.Done-o.Sent))
	if o.Err != "" {
		s += ": " + o.Err
	}
	if o.Answered != "" {
		s += ", answered by " + o.Answered
	}
	if o.Delivered {
		s += ", received by the server"
	}
	if o.Result != Connected && o.Server == ControlLive {
		s += ", control live"
	}
	return s
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
