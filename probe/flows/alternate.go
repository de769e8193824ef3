package flows

import (
	"context"
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
)

// Flips are changes of the verdict of flows, to and fro.
type Flips struct {
	Flows       []Flow
	Allow, Deny func(context.Context) error // a change; returns when it was acknowledged
	Allowed     bool                        // what the flows are at first
	N           int                         // changes in each direction
	Within      time.Duration               // no change begins later than so long after the first
	// After is called with the i-th change (from 0) when it was seen to be right and was held,
	// or its deadline has passed. It may be nil.
	After func(ctx context.Context, i int, c Change)
}

// Hold is how long a verdict is left alone once it was seen to be right, so that a flip
// back would be seen.
const Hold = 40 * time.Millisecond

// giveUp is after how many changes in a row that never became true no more are made.
const giveUp = 3

// Alternate makes the changes, each when the one before was seen to be right and was held,
// or its deadline has passed. Streams must have run for PreCheck and Hold when it is called.
// short says why fewer changes were made than wanted, "" when all were. With an error, the
// changes are those that were acknowledged.
func (w Watcher) Alternate(ctx context.Context, f Flips) (changes Timeline, short string, err error) {
	a := alternation{Flips: f, watcher: w, late: map[bool]int{}}
	err = a.run(ctx)
	if n := len(a.changes); n > 0 && a.changes[n-1].Until == 0 { // a change that failed has ended it already
		a.changes.End(probe.Now() - Hold/4)
	}
	if err == nil {
		err = Pause(ctx, 2*Hold)
	}
	return a.changes, a.short, err
}

// Restore makes the verdict what it was at first, where the changes have left the other.
func (f Flips) Restore(ctx context.Context, changes Timeline) error {
	if n := len(changes); n == 0 || changes[n-1].Allow == f.Allowed {
		return nil
	}
	return f.change(f.Allowed)(ctx)
}

func (f Flips) change(allow bool) func(context.Context) error {
	if allow {
		return f.Allow
	}
	return f.Deny
}

// alternation is Flips on their way.
type alternation struct {
	Flips
	watcher Watcher
	changes Timeline
	late    map[bool]int // by verdict: how many changes in a row never became true
	short   string
}

func (a *alternation) run(ctx context.Context) error {
	end := probe.Now() + a.Within
	for i := range 2 * a.N {
		if probe.Now() > end {
			a.short = fmt.Sprintf("%d of %d changes were made in %v", i, 2*a.N, a.Within)
			return nil
		}
		allow := a.Allowed == (i%2 == 1)
		if err := a.flip(ctx, i, allow); err != nil {
			return err
		}
		if a.late[allow] == giveUp {
			a.short = fmt.Sprintf("given up: flows were not seen to be %s within %v, %d times in a row", past(allow), a.watcher.Deadline, giveUp)
			return nil
		}
	}
	return nil
}

// flip makes one change and waits until it is seen to be true, or for the deadline, and then
// for the hold.
func (a *alternation) flip(ctx context.Context, i int, allow bool) error {
	c := Change{Allow: allow, Call: probe.Now()}
	c.Due = c.Call
	a.changes.End(c.Call)
	if err := a.change(allow)(ctx); err != nil {
		return err
	}
	c.Ack = probe.Now()
	a.changes.Add(c)
	a.late[allow]++
	if err := a.watcher.Await(ctx, a.Flows, allow); err == nil {
		a.late[allow] = 0
	}
	if err := Pause(ctx, Hold); err != nil {
		return err
	}
	if a.After != nil {
		a.After(ctx, i, c)
	}
	return nil
}
