package outcome

import (
	"fmt"
	"time"
)

// Sight is what a watcher sees at one look.
type Sight struct {
	Done  bool // results are there
	Begun bool // the experiment was started
	Free  bool // nobody has the lock but the watcher
	// Watched is how long the watcher has looked, Stopped how long ago it was asked to end; 0
	// when it wasn't.
	Watched, Stopped time.Duration
	// Late is by how much the experiment's own deadline is over, below 0 when it isn't.
	Late time.Duration
	// Grace is how long the experiment has to end when it is asked to; 0 when nobody knows.
	Grace time.Duration
}

// Patience bounds a watcher's waiting.
type Patience struct {
	Start time.Duration // for the experiment to be started
	Late  time.Duration // for one whose deadline is over, to leave its results
	Last  time.Duration // for all, beyond that grace, once the pod is being deleted
}

// startStopped is how long an experiment that is about to start may take to, when the pod is
// being deleted.
const startStopped = 5 * time.Second

// Decide is what a watcher does after a look: leave, finish the results itself for that reason,
// or, when both are zero, look again.
func (p Patience) Decide(s Sight) (leave bool, finish string) {
	switch {
	case s.Done:
		return true, ""
	case s.Begun && s.Free:
		return false, "its container was killed, as happens when memory runs out"
	case !s.Begun && s.Watched > p.Start:
		return false, fmt.Sprintf("it was not started within %v", p.Start)
	case !s.Begun && s.Stopped > startStopped:
		return false, "the pod was deleted before it was started"
	case s.Begun && s.Late > p.Late:
		return false, fmt.Sprintf("it hangs: its deadline was over %v ago", p.Late)
	case s.Stopped > s.Grace+p.Last:
		return false, "the pod was deleted, and it left no results in time"
	}
	return false, ""
}
