package judge

import (
	"cmp"
	"slices"
	"time"

	"github.com/netassay/netassay/model"
)

// Result is what one probe saw. The values are those of suites/probe.
type Result string

// The results. A probe whose harness failed saw nothing: Inconclusive.
const (
	Connected    Result = "Connected"
	Dropped      Result = "Dropped"
	Refused      Result = "Refused"
	Unreachable  Result = "Unreachable"
	Inconclusive Result = "Inconclusive"
)

// Control is the state of a live control in the round of an observation. The zero value
// means that nobody looked, which proves as little as a dead one.
type Control int

// The states of a control.
const (
	ControlMissing Control = iota
	ControlDead
	ControlLive
)

// Observation is one probe of a cell. Times are on the harness's monotonic clock.
type Observation struct {
	Result     Result
	Err        string // of the harness, when Result is Inconclusive
	Sent, Done time.Duration
	Delivered  bool    // the receiver reported this probe's packet
	Answered   string  // who answered, as the answer says; "" when the server cannot say
	Server     Control // the server, reached from its own node in the same round
	Client     Control // the client's network, reached from its own node in the same round
}

// Cell is all that was seen of one flow in one step.
type Cell struct {
	// Before and Want are the verdicts before and after the step. Before is "" when the
	// flow did not exist then.
	Before, Want model.Verdict
	// Server is the name that an answer must carry to be this cell's; "" accepts any.
	Server string
	// Observations in any order.
	Observations []Observation
}

// Changed says that the step changes what is wanted of the cell.
func (c *Cell) Changed() bool { return c.Before != c.Want }

// Window is when the step happened, on the clock of the observations.
type Window struct {
	Begun    time.Duration // before the first write; earlier observations are ignored
	Acked    time.Duration // after the answer to the last write
	Hold     time.Duration // how long a verdict must stay right
	Deadline time.Duration // from Acked: a verdict must be stable since then at the latest
}

// Outcome is the judged state of a cell.
type Outcome string

// The outcomes that a single cell can have. Skipped is for what is undefined.
const (
	OutcomePass         Outcome = "Pass"
	OutcomeFail         Outcome = "Fail"
	OutcomeInconclusive Outcome = "Inconclusive"
	OutcomeSkipped      Outcome = "Skipped"
)

// Kind is the direction of a failure.
type Kind string

// A leak passes what must be denied, an outage denies what must pass.
const (
	Leak   Kind = "leak"
	Outage Kind = "outage"
)

// Judgement is the outcome of one cell and what led to it.
type Judgement struct {
	Outcome Outcome
	Kind    Kind
	Reason  string
	// Seen and Evidence describe the observation that decided: the violation of a failed
	// cell, else the last conclusive observation, else the last one.
	Seen     Result
	Evidence string
	// FirstRight and Stable are the send times, counted from the ack, of the first right
	// observation and of the first of the unbroken run of right ones at the end. nil when
	// there is none, and for cells that the step does not change.
	FirstRight, Stable *time.Duration
	// Resolution is the time between the last wrong observation and the stable one.
	Resolution *time.Duration
	// Flips counts changes from right to wrong.
	Flips int
	// Conclusive counts the observations that prove something.
	Conclusive int
}

// Judge judges one cell.
func Judge(c *Cell, w Window) Judgement {
	j, _ := evaluate(c, w)
	return j
}

// Settled says that more probing cannot turn the judgement for the better or need not:
// the cell passes, is undefined and was seen, or has failed for good.
func Settled(c *Cell, w Window) bool {
	_, settled := evaluate(c, w)
	return settled
}

// RightSince is the send time (on the clock of the observations) since when the cell is
// right without a break. ok is false when its last conclusive observation is wrong or
// there is none.
func RightSince(c *Cell, w Window) (since time.Duration, ok bool) {
	r := replay(c, w)
	if r.run.n == 0 {
		return 0, false
	}
	return r.run.first.Sent, true
}

func evaluate(c *Cell, w Window) (j Judgement, settled bool) {
	r := replay(c, w)
	j = Judgement{Flips: r.flips, Conclusive: r.conclusive}
	if c.Changed() {
		r.times(&j, w)
	}
	switch {
	case c.Want == model.Undefined:
		j.undefined(&r)
		return j, r.last != nil
	case !c.Changed() && r.violation != nil:
		j.transition(c, &r, w)
		return j, true
	case r.conclusive == 0:
		j.unproven(&r)
	case r.run.n == 0:
		j.wrong(c, &r, w)
	case r.run.held(w.Acked) < w.Hold || r.run.last.Sent < w.Acked:
		j.tooShort(c, &r, w)
	case c.Changed() && r.run.first.Sent > w.Acked+w.Deadline:
		j.late(c, &r, w)
	default:
		j.pass(c, &r)
		return j, true
	}
	return j, false
}

// ordered returns the observations that count, by the time when they were sent: from
// before the first write for a cell that does not change, from the ack for one that does.
func ordered(c *Cell, w Window) []Observation {
	from := w.Begun
	if c.Changed() {
		from = w.Acked
	}
	bySent := func(a, b Observation) int { return cmp.Compare(a.Sent, b.Sent) }
	obs := c.Observations
	if !slices.IsSortedFunc(obs, bySent) {
		obs = slices.Clone(obs)
		slices.SortStableFunc(obs, bySent)
	}
	for i := range obs {
		if obs[i].Sent >= from {
			return obs[i:]
		}
	}
	return nil
}
