package runner

import (
	"net/netip"
	"slices"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// cell is one cell of a step while it is watched.
type cell struct {
	key      cases.Cell
	judge    judge.Cell
	ends     []ends              // of judge's observations
	seen     []probe.Observation // that judge's observations are made of
	progress judge.Progress
	pending  []time.Duration // when the probes that are on their way were handed over
	flow     model.Flow      // as last probed
	half     int             // in which of the two halves of all pairs of ends it is
	opens    bool            // the step opens the flow that it is
	asked    bool            // is undefined, and a line of the case asks for what becomes of it
}

func (c *cell) undefined() bool { return c.judge.Want == model.Undefined }

// trusted reports whether a probe of the cell should be answered, as all before were, or may be:
// such a one needs no controls beside it. Where it is not answered they are asked then.
func (c *cell) trusted() bool { return c.judge.Want != model.Deny && !c.judge.Changed() }

// arrived is the source address that the cell's server saw of the last probe that came through, not
// valid where that is the client's own, or nothing came through. Of packets that claim to be
// somebody else's it says nothing.
func (c *cell) arrived() netip.Addr {
	for i := len(c.seen) - 1; i >= 0; i-- {
		if o := c.seen[i]; o.Receiver == c.ends[i].server && o.Source.IsValid() && c.key.Probe.Form == "" {
			if o.Source == c.flow.Client {
				return netip.Addr{}
			}
			return o.Source
		}
	}
	return netip.Addr{}
}

// newest is when the newest probe that is on its way was handed over.
func (c *cell) newest() time.Duration {
	if len(c.pending) == 0 {
		return 0
	}
	return slices.Max(c.pending)
}
