package agent

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/netassay/netassay/enforcer/plan"
)

// Memory that a large cluster took is given back when the cluster gets much smaller. Go
// keeps it otherwise: maps and slices never shrink, and without new garbage no collection
// runs for minutes. What Go's own books of a large heap take (and pages that one object each
// keeps) only goes with the process: when next to nothing is left of a large cluster, a new
// process begins where this one ends. It finds its rules in force, as after any restart.
const (
	// trimBelow is the part of its largest size that the cluster must have come down to.
	trimBelow = 0.5
	// trimLeast is how many objects and members of sets less are worth it.
	trimLeast = 200
	// trimQuiet is how long after a sync nothing must have happened: what is thrown away
	// makes the next sync a longer one.
	trimQuiet = 500 * time.Millisecond
	// trimLatest is when not to wait for quiet any more.
	trimLatest = 30 * time.Second
	// renewBelow is the part of the most that the process has held that must be left, and
	// renewLeast what that most must have been, for a new process to be worth it.
	renewBelow = 0.1
	renewLeast = 20_000
)

// ErrRenew is how Run ends when a new process would need much less memory than this one.
var ErrRenew = errors.New("re-execute to return memory: little is left of a large cluster")

// trimming decides when memory is given back.
type trimming struct {
	largest int       // size since memory was last given back: objects held and members of sets
	ever    int       // the largest of this process
	renews  bool      // a new process may be asked for
	since   time.Time // when it was first wanted; zero: it is not
	at      time.Time // when it is to be done; zero: it is not wanted
}

// synced takes note of the size after a sync.
func (t *trimming) synced(size int, now time.Time) {
	t.largest, t.ever = max(t.largest, size), max(t.ever, size)
	if !t.renew(size) && (t.largest-size < trimLeast || float64(size) > trimBelow*float64(t.largest)) {
		t.since, t.at = time.Time{}, time.Time{}
		return
	}
	if t.since.IsZero() {
		t.since = now
	}
	t.at = now.Add(trimQuiet)
	if latest := t.since.Add(trimLatest); latest.Before(t.at) {
		t.at = latest
	}
}

// trimmed takes note of the size when memory was given back.
func (t *trimming) trimmed(size int) { t.largest, t.since, t.at = size, time.Time{}, time.Time{} }

// renew says that only a new process gives back what is worth it.
func (t *trimming) renew(size int) bool {
	return t.renews && t.ever >= renewLeast && float64(size) <= renewBelow*float64(t.ever)
}

// size is what the agent's memory grows with: objects held and members of sets.
func (a *Agent) size() int {
	return a.watcher.Held() + a.last.IPv4.Members() + a.last.IPv6.Members()
}

// trim gives back memory. The compiler's plans do not depend on what it has kept, so it can
// begin anew; what waits to be synced stays where it is.
func (a *Agent) trim() error {
	if size := a.size(); a.trimming.renew(size) {
		if !a.past.Dirty.IsZero() { // after the sync that is due
			a.trimming.at = time.Time{}
			return nil
		}
		a.log.Info("re-executing to return memory", "size", size, "was", a.trimming.ever)
		return ErrRenew
	}
	a.compiler = plan.Compiler{}
	a.watcher.Trim()
	now := a.size()
	was := a.trimming.largest
	a.trimming.trimmed(now)
	debug.FreeOSMemory()
	a.log.Info("returned memory to the system", "size", now, "was", was)
	return nil
}
