package account

import (
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// maxFindings bounds the evidence that is kept; what is beyond is in the counts.
const maxFindings = 500

// What findings say.
const (
	leaked = "leaked"
	lost   = "lost"
	udp    = "UDP"
	tcp    = "TCP"
)

// Tally adds up what became of flows, and keeps evidence of it.
type Tally struct {
	v1.Tally
	Findings []v1.Finding
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.Tally.Add(o.Tally)
	for _, f := range o.Findings {
		t.find(f)
	}
}

func (t *Tally) find(f v1.Finding) {
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
			f := s.finding(w.Flow, udp, r.Stream.Blocked)
			f.Count, f.From, f.To = span.Count, span.From, span.To
			t.find(f)
		}
	}
}

// controls are the times in which a stream of the segment that must pass reached the flow's
// address, by packets that are as new to a filter as the flow's own.
func (s Segment) controls(f flows.Flow) []flows.Interval {
	var out []flows.Interval
	for _, w := range s.Streams {
		if !w.Report.Stream.Blocked && !w.Flow.Established && w.Flow.Addr == f.Addr {
			out = append(out, flows.Reached(w.Report)...)
		}
	}
	return out
}

// Connect adds one new TCP connection of a flow, seen from both ends.
func (t *Tally) Connect(s Segment, f flows.Flow, blocked bool, o probe.Observation) {
	c := t.of(s)
	if !s.Drift {
		c = &t.TCP
	}
	wrong := s.Wrong(blocked, o)
	switch {
	case o.Result == probe.Inconclusive:
		c.Inconclusive++
	case blocked:
		c.MustDrop++
		if wrong {
			c.Leaked++
		}
	default:
		c.MustPass++
		if wrong {
			c.Lost++
		}
	}
	if wrong && !s.Drift { // of a drift, the streams show it with fewer words, and must have room to
		found := s.finding(f, tcp, blocked)
		found.Count, found.From, found.To = 1, o.Sent, o.Done
		t.find(found)
	}
}

// Wrong reports whether a new connection, of which it is known how it went, went as it must not:
// one that must be blocked was not denied, another did not connect.
func (s Segment) Wrong(blocked bool, o probe.Observation) bool {
	switch {
	case o.Result == probe.Inconclusive:
		return false
	case blocked:
		return !s.denied(o)
	}
	return o.Result != probe.Connected
}

// denied reports whether a connection went as one that is denied.
func (s Segment) denied(o probe.Observation) bool {
	answered := s.Refusing && (o.Result == probe.Refused || o.Result == probe.Unreachable)
	return (o.Result == probe.Dropped || answered) && o.Receiver == ""
}

// of are the counts that a segment's streams are added to.
func (t *Tally) of(s Segment) *v1.Counts {
	if s.Drift {
		return &t.Drift
	}
	return &t.UDP
}

func (s Segment) finding(f flows.Flow, protocol string, blocked bool) v1.Finding {
	what := lost
	if blocked {
		what = leaked
	}
	return v1.Finding{Backend: s.Backend, Phase: s.Phase, Drift: s.Drift, Flow: f.String(), Protocol: protocol, What: what}
}
