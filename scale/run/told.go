package run

import (
	"context"
	"encoding/json"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
)

// telling is an engine whose agents tell when they saw and enforced the last change. A
// verdict is never judged by that; it shows where the time went.
type telling interface{ LastChangeURL() string }

// toldTimes are the harness's times at which the engine says that it heard of a change, and
// was done with it; 0: it does not say.
type toldTimes struct{ seen, enforced time.Duration }

// tell asks the agent of a change that has just become true. What it says of another change is
// left out.
func (m *meter) tell(ctx context.Context, c flows.Change) toldTimes {
	if m.told == "" || m.node.agent() == nil {
		return toldTimes{}
	}
	text, err := m.pages.Get(ctx, m.told)
	var last struct{ Seen, Enforced time.Time }
	if err != nil || json.Unmarshal(text, &last) != nil {
		return toldTimes{}
	}
	mono, wall := probe.Now(), time.Now() // the agent's clock is of this machine too
	t := toldTimes{mono - wall.Sub(last.Seen), mono - wall.Sub(last.Enforced)}
	if t.seen < c.Call || t.enforced < t.seen {
		return toldTimes{}
	}
	return t
}
