package lifecycle

import "time"

// Decision is what is to be done now.
type Decision struct {
	Start []int     // containers to start, as indices
	Stop  []int     // containers to stop, in this order, each after the one before has ended
	Wake  time.Time // ask again at this time, zero when only an event can change the decision
	End   bool      // nothing runs and nothing will: release what the pod holds
}

// Decide says what is to be done with the pod now. It is idempotent: the caller asks again
// after everything that happened, started containers included.
func Decide(p *Pod, now time.Time) Decision {
	if p.Deleting || p.Failed != nil {
		return Decision{End: !p.AnyRunning()}
	}
	if !p.Networked {
		return Decision{}
	}
	if p.mainsDone() || p.initFailed() {
		return p.windDown()
	}
	var d Decision
	if !d.inits(p, now) {
		return d
	}
	for i := range p.Containers {
		if p.Containers[i].Kind == Main {
			d.launch(p, i, now)
		}
	}
	return d
}

// inits handles init containers and sidecars in their order; true means that main
// containers may start.
func (d *Decision) inits(p *Pod, now time.Time) bool {
	for i := range p.Containers {
		c := &p.Containers[i]
		switch {
		case c.Kind == Main:
			return true
		case c.Kind == Init && c.Stage == Exited && c.Exit.ExitCode == 0:
		case c.Kind == Init:
			d.launch(p, i, now)
			return false
		default:
			d.launch(p, i, now)
			// "once a sidecar has started, the next init container starts": that it may
			// have ended since does not hold up the others.
			if !c.started() && (c.Stage == Running || !c.Launched) {
				return false
			}
		}
	}
	return true
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

// windDown stops the sidecars in the reverse of their order, then ends the pod.
func (p *Pod) windDown() Decision {
	var d Decision
	for i := len(p.Containers) - 1; i >= 0; i-- {
		if p.Containers[i].Stage == Running {
			d.Stop = append(d.Stop, i)
		}
	}
	d.End = len(d.Stop) == 0
	return d
}

// mainsDone reports whether all main containers have ended for good.
func (p *Pod) mainsDone() bool {
	any := false
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Kind != Main {
			continue
		}
		if c.Stage != Exited || c.restarts() {
			return false
		}
		any = true
	}
	return any
}

func (p *Pod) initFailed() bool {
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Kind == Init && c.Stage == Exited && c.Exit.ExitCode != 0 && !c.restarts() {
			return true
		}
	}
	return false
}
