package account

import (
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
)

// maxFindings bounds the evidence that is kept; what is beyond is in the counts.
const maxFindings = 500

// Counts are packets (UDP) or connections (TCP).
type Counts struct {
	MustDrop uint64 `json:"must_drop"` // sent while a must-pass flow reached the same receiver
	Leaked   uint64 `json:"leaked"`
	MustPass uint64 `json:"must_pass"`
	Lost     uint64 `json:"lost"`
	// Unproven were sent and dropped while no must-pass packet reached that receiver: no
	// evidence of anything.
	Unproven uint64 `json:"unproven"`
	// Overflow were lost, but may have been lost in the receiver's own socket.
	Overflow uint64 `json:"overflow"`
	// Inconclusive are connections of which the prober can't say what became of them.
	Inconclusive uint64 `json:"inconclusive"`
}

// Tally adds up what became of flows.
type Tally struct {
	UDP, TCP Counts
	Drift    Counts // both protocols, while somebody else destroyed rules
	Ticks    uint64 // that senders had
	Missed   uint64 // of these, those without a packet
	Unasked  uint64 // receivers that could not be asked
	Findings []Finding
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.UDP.add(o.UDP)
	t.TCP.add(o.TCP)
	t.Drift.add(o.Drift)
	t.Ticks += o.Ticks
	t.Missed += o.Missed
	t.Unasked += o.Unasked
	for _, f := range o.Findings {
		t.find(f)
	}
}

func (c *Counts) add(o Counts) {
	c.MustDrop += o.MustDrop
	c.Leaked += o.Leaked
	c.MustPass += o.MustPass
	c.Lost += o.Lost
	c.Unproven += o.Unproven
	c.Overflow += o.Overflow
	c.Inconclusive += o.Inconclusive
}

func (t *Tally) find(f Finding) {
	if len(t.Findings) < maxFindings {
		t.Findings = append(t.Findings, f)
	}
}

// Segment adds a segment's streams.
func (t *Tally) Segment(s Segment) {
	counts := t.of(s)
	for _, w := range s.Streams {
		r := w.Report
		t.Ticks += r.Sender.Sent + r.Sender.Missed
		t.Missed += r.Sender.Missed
		t.Unasked += uint64(len(r.Unasked))
		c := flows.Count(r)
		counts.Leaked, counts.Lost, counts.Overflow = counts.Leaked+c.Leaked, counts.Lost+c.Lost, counts.Overflow+c.Overflow
		if r.Stream.Blocked {
			unproven := flows.Unproven(r, s.controls(w.Flow))
			counts.MustDrop += c.Sent - unproven
			counts.Unproven += unproven
		} else {
			counts.MustPass += c.Sent
		}
		if c.Leaked+c.Lost == 0 {
			continue
		}
		for _, span := range flows.Wrong(r) {
			f := s.finding(w.Flow, "UDP", r.Stream.Blocked)
			f.Count, f.From, f.To = span.Count, span.From, span.To
			t.find(f)
		}
	}
}

// controls are the times in which a stream of the segment that must pass reached the flow's
// address.
func (s Segment) controls(f flows.Flow) []flows.Interval {
	var out []flows.Interval
	for _, w := range s.Streams {
		if !w.Report.Stream.Blocked && w.Flow.Addr == f.Addr {
			out = append(out, flows.Reached(w.Report)...)
		}
	}
	return out
}

// Connect adds one new TCP connection of a flow, seen from both ends.
func (t *Tally) Connect(s Segment, f flows.Flow, blocked bool, o probe.Observation) {
	c, wrong := t.of(s), false
	if !s.Drift {
		c = &t.TCP
	}
	switch {
	case o.Result == probe.Inconclusive:
		c.Inconclusive++
	case blocked:
		c.MustDrop++
		if wrong = o.Result != probe.Dropped || o.Receiver != ""; wrong {
			c.Leaked++
		}
	default:
		c.MustPass++
		if wrong = o.Result != probe.Connected; wrong {
			c.Lost++
		}
	}
	if wrong && !s.Drift { // of a drift, the streams show it with fewer words, and must have room to
		found := s.finding(f, "TCP", blocked)
		found.Count, found.From, found.To = 1, o.Sent, o.Done
		t.find(found)
	}
}

// of are the counts that a segment's streams are added to.
func (t *Tally) of(s Segment) *Counts {
	if s.Drift {
		return &t.Drift
	}
	return &t.UDP
}

func (s Segment) finding(f flows.Flow, protocol string, blocked bool) Finding {
	what := "lost"
	if blocked {
		what = "leaked"
	}
	return Finding{Backend: s.Backend, Phase: s.Phase, Drift: s.Drift, Flow: f.String(), Protocol: protocol, What: what}
}
