package lifecycle

import (
	"slices"
	"time"
)

// Decision is what is to be done now.
type Decision struct {
	Start []int     // containers to start, as indices
	Wake  time.Time // ask again at this time, zero when only an event can change the decision
	End   bool      // nothing runs and nothing will: release what the pod holds
}

// Decide returns what is to be done with the pod now. It is idempotent: the caller asks
// again after everything that happened, started containers included.
func Decide(p *Pod, now time.Time) Decision {
	switch {
	case p.Deleting:
		return Decision{End: !p.anyRunning()}
	case !p.Networked:
		return Decision{}
	case p.done():
		return Decision{End: true}
	}
	var d Decision
	for i := range p.Containers {
		d.launch(p, i, now)
	}
	return d
}

// launch starts container i when it is due, or asks to be woken when it will be.
func (d *Decision) launch(p *Pod, i int, now time.Time) {
	c := &p.Containers[i]
	due := c.Stage == Created || c.Stage == Blocked || c.Stage == Exited && c.restarts()
	switch {
	case !due:
	case c.NotBefore.After(now):
		if d.Wake.IsZero() || c.NotBefore.Before(d.Wake) {
			d.Wake = c.NotBefore
		}
	default:
		d.Start = append(d.Start, i)
	}
}

// done reports whether all containers have ended for good.
func (p *Pod) done() bool {
	return !slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Stage != Exited || c.restarts() })
}
