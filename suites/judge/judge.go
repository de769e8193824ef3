package judge

import (
	"cmp"
	"slices"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Result is what one probe saw. The values are those of probe.
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
	Packets    int     // of one flow, that the probe sent until something came back
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
	// Passing reports whether the step's own actions, one after the other, may make the cell
	// something else on its way: then a relapse before the deadline is nobody's fault.
	Passing bool
	// New says, of a cell that must never let anything pass, what is known of the first
	// instants of its new pod; nil for any other cell. Before is what is wanted then.
	New *New
	// Server is the name that an answer must carry to be this cell's; "" accepts any.
	Server string
	// Observations in any order.
	Observations []Observation
}

// New is what one-way datagrams showed of a cell of a pod that the step creates.
type New struct {
	Began    time.Duration   // the pod's first instant
	Sent     uint64          // datagrams, from First on; 0 where none are sent in this protocol
	First    time.Duration   // when the first was sent
	Received uint64          // of them
	Arrivals []time.Duration // of those received, the earliest first; they may be not all
	Err      string          // why nothing, or too little, is known
}

// Changed reports whether the step changes what is wanted of the cell.
func (c *Cell) Changed() bool { return c.Before != c.Want }

// Window is when the step happened, on the clock of the observations.
type Window struct {
	Begun    time.Duration // before the first write; earlier observations are ignored
	Acked    time.Duration // after the answer to the last write
	Ended    time.Duration // before the next write; what is sent later is ignored. 0: not yet
	Hold     time.Duration // how long a verdict must stay right
	Deadline time.Duration // from Acked: a verdict must be stable since then at the latest
	// Grace is by how much later than the deadline a verdict must be wrong to convict: a
	// machine that is starved makes a correct engine late.
	Grace time.Duration
}

// Due is when a cell that is still wrong has had its time. What was last seen wrong before it
// had time left.
func (w Window) Due() time.Duration { return w.Acked + w.Deadline + w.Grace }

// Judgement is the outcome of one cell and what led to it.
type Judgement struct {
	Outcome v1.Outcome     // Pass, Fail, Inconclusive, or Skipped for what is undefined
	Kind    v1.FailureKind // of a failure
	Reason  string
	// Observed is what became of a cell that is undefined; "" when nothing was proved.
	Observed string
	// Seen and Evidence describe the observation that decided: the violation of a failed
	// cell, else the last conclusive observation, else the last one.
	Seen     Result
	Evidence string
	// FirstRight and Stable are the times, counted from the ack, of the first right
	// observation and of the first of the unbroken run of right ones at the end: when a
	// silent probe was sent, when the answer to another one came. nil when there is none,
	// and for cells that the step does not change.
	FirstRight, Stable *time.Duration
	// Resolution is the time between the last wrong observation and the stable one.
	Resolution *time.Duration
	// Flips counts changes from right to wrong.
	Flips int
	// Conclusive counts the observations that prove something, Wrong those of them that are not
	// what is wanted.
	Conclusive, Wrong int
}

// Progress is where a cell stands while it is still being probed.
type Progress struct {
	Right    bool          // its last conclusive observation is right
	Since    time.Duration // when Right: since when without a break, on the observations' clock
	Last     time.Duration // when the last conclusive observation was sent
	Violated bool          // it has failed for good: more probing cannot mend it
	Seen     bool          // there is an observation that counts, conclusive or not
}

// Look says where a cell stands. It agrees with Judge.
func Look(c *Cell, w Window) Progress {
	h := replay(c, w)
	p := Progress{Right: h.run.n > 0, Seen: h.last != nil}
	p.Violated = c.Want != model.Undefined && (h.relapse != nil || !c.Changed() && h.violation != nil)
	if h.lastProof != nil {
		p.Last = h.lastProof.Sent
	}
	if p.Right {
		p.Since = h.since(c, w)
	}
	return p
}

// Judge judges one cell.
func Judge(c *Cell, w Window) Judgement {
	h := replay(c, w)
	j := Judgement{Flips: h.flips, Conclusive: h.conclusive, Wrong: h.wrongs}
	if c.Changed() {
		h.times(&j, w)
	}
	switch {
	case c.Want == model.Undefined:
		j.undefined(c, &h, w)
	case c.New.leaked():
		j.leakedAtFirst(c)
	case !c.Changed() && h.violation != nil:
		j.transition(c, &h, w)
	case h.relapse != nil:
		j.relapsed(c, &h, w)
	case h.conclusive == 0:
		j.unproven(c, &h)
	case h.run.n == 0:
		j.wrong(c, &h, w)
	case h.run.last.Sent < w.Acked || h.held(c, w) < w.Hold:
		j.tooShort(c, &h, w)
	case c.Changed() && h.run.first.shownAt() > w.Acked+w.Deadline:
		j.late(c, &h, w)
	case c.New != nil && c.New.Err != "":
		j.Outcome, j.Reason = v1.Inconclusive, "of the new pod's first instants nothing is known: "+c.New.Err
		j.show(h.last)
	default:
		j.pass(c, &h)
	}
	j.Evidence += c.New.evidence()
	return j
}

// ordered returns the observations that count, by the time when they were sent: from
// before the first write for a cell that does not change, from the ack for one that does,
// and until the end of the step.
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
	obs = obs[search(obs, from):]
	if w.Ended > 0 {
		obs = obs[:search(obs, w.Ended)]
	}
	return obs
}

// search is the index of the first observation that was sent at t or later.
func search(obs []Observation, t time.Duration) int {
	i, _ := slices.BinarySearchFunc(obs, t, func(o Observation, t time.Duration) int { return cmp.Compare(o.Sent, t) })
	return i
}
