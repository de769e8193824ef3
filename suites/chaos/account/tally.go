package account

import (
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
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
	counts := &t.UDP
	if s.Drift {
		counts = &t.Drift
	}
	for _, st := range s.Streams {
		t.Ticks += st.Report.Sender.Sent + st.Report.Sender.Missed
		t.Missed += st.Report.Sender.Missed
		t.Unasked += uint64(len(st.Report.Unasked))
		switch st.Flow.Duty {
		case MustDrop:
			t.mustDrop(counts, s, st)
		case MustPass:
			t.mustPass(counts, s, st)
		case Flipping:
		}
	}
}

func (t *Tally) mustDrop(c *Counts, s Segment, st Stream) {
	sent := st.Report.Sender.Sent
	unproven := min(sent, unprovenTicks(st, s.controls(st.Flow)))
	c.MustDrop += sent - unproven
	c.Unproven += unproven
	c.Leaked += st.Report.Received
	for _, r := range st.Report.Receivers {
		for _, span := range r.Spans {
			f := s.finding(st.Flow, "UDP", "leaked")
			f.Count, f.From, f.To = span.Last-span.First+1, span.FirstAt, span.LastAt
			t.find(f)
		}
	}
}

func (t *Tally) mustPass(c *Counts, s Segment, st Stream) {
	r := st.Report
	overflow := min(r.Lost, r.Overflow)
	c.MustPass += r.Sender.Sent
	c.Overflow += overflow
	c.Lost += r.Lost - overflow
	if r.Lost == overflow {
		return
	}
	for _, gap := range gaps(r) {
		f := s.finding(st.Flow, "UDP", "lost")
		f.Count, f.From, f.To = gap.Count, gap.From, gap.To
		t.find(f)
	}
}

func (s Segment) finding(f Flow, protocol, what string) Finding {
	return Finding{Backend: s.Backend, Phase: s.Phase, Drift: s.Drift, Flow: f.String(), Protocol: protocol, What: what}
}

// gap is a run of packets that did not arrive, with the arrivals around it.
type gap struct {
	Count    uint64
	From, To time.Duration
}

// gaps are the runs of lost packets of a stream with one receiver, those at its ends too.
func gaps(r probe.StreamReport) []gap {
	if r.Sender.Sent == 0 {
		return nil
	}
	if len(r.Receivers) != 1 {
		return []gap{{Count: r.Lost, From: r.Sender.Start, To: r.Sender.End}}
	}
	var out []gap
	next, at := uint64(0), r.Sender.Start
	for _, s := range r.Receivers[0].Spans {
		if s.First > next {
			out = append(out, gap{Count: s.First - next, From: at, To: s.FirstAt})
		}
		next, at = s.Last+1, s.LastAt
	}
	if next < r.Sender.Sent && r.Receivers[0].SpansBeyond == 0 {
		out = append(out, gap{Count: r.Sender.Sent - next, From: at, To: r.Sender.End})
	}
	return out
}

// interval is [From, To).
type interval struct{ From, To time.Duration }

// controls are the times in which a must-pass stream of the segment reached the flow's
// server in its family.
func (s Segment) controls(f Flow) []interval {
	var out []interval
	for _, st := range s.Streams {
		if st.Flow.Duty != MustPass || st.Flow.Server != f.Server || st.Flow.Family != f.Family {
			continue
		}
		for _, r := range st.Report.Receivers {
			for _, b := range r.Buckets {
				if b.Received > 0 {
					out = append(out, interval{b.Start, b.Start + r.BucketLen})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b interval) int { return int(a.From - b.From) })
	return out
}

// unprovenTicks is how many packets a stream may at most have sent outside of the controls.
func unprovenTicks(st Stream, controls []interval) uint64 {
	if st.Report.Stream.Interval <= 0 {
		return st.Report.Sender.Sent
	}
	at, end := st.Report.Sender.Start, st.Report.Sender.End
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
	step := st.Report.Stream.Interval
	return uint64((uncovered + step - 1) / step)
}
