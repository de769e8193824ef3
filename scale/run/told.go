package run

import (
	"context"
	"encoding/json"
	"time"

	"github.com/netassay/netassay/probe"
)

// telling is an engine whose agents tell when they saw and enforced the last change. A
// verdict is never judged by that; it shows where the time went.
type telling interface{ LastChangeURL() string }

// tell asks the agent when it saw and enforced a change that has just become true, and
// enters the times. What it says of another change is left out.
func (m *meter) tell(ctx context.Context, c *Change) {
	if m.told == "" || m.node.agent() == nil {
		return
	}
	seen, enforced, ok := m.lastChange(ctx)
	if ok && seen >= c.Call && enforced >= seen {
		c.Seen, c.Commit = seen, enforced
	}
}

// lastChange gives the agent's times by the harness's clock: both are of one machine.
func (m *meter) lastChange(ctx context.Context) (seen, enforced time.Duration, ok bool) {
	text, err := m.pages.Get(ctx, m.told)
	if err != nil {
		return 0, 0, false
	}
	var last struct{ Seen, Enforced time.Time }
	if json.Unmarshal(text, &last) != nil {
		return 0, 0, false
	}
	mono, wall := probe.Now(), time.Now()
	return mono - wall.Sub(last.Seen), mono - wall.Sub(last.Enforced), true
}
