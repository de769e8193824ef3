package account

import "github.com/netassay/netassay/probe"

// Connect adds one new connection of a TCP flow, seen from both ends.
func (t *Tally) Connect(s Segment, f Flow, o probe.Observation) {
	c := &t.TCP
	if s.Drift {
		c = &t.Drift
	}
	found := s.finding(f, "TCP", "")
	keep := t.find
	if s.Drift { // the streams show it with fewer words, and must have room to
		keep = func(Finding) {}
	}
	found.Count, found.From, found.To = 1, o.Sent, o.Done
	switch {
	case o.Result == probe.Inconclusive:
		c.Inconclusive++
	case f.Duty == MustDrop:
		c.MustDrop++
		if o.Result != probe.Dropped || o.Receiver != "" {
			c.Leaked++
			found.What = "leaked"
			keep(found)
		}
	case f.Duty == MustPass:
		c.MustPass++
		if o.Result != probe.Connected {
			c.Lost++
			found.What = "lost"
			keep(found)
		}
	}
}
