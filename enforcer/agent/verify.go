package agent

import (
	"context"
	"slices"
	"time"

	"github.com/netassay/netassay/enforcer/kernel"
)

// check is how it goes with the checks for drift. To read back what a large cluster has in
// the kernel takes some tenths of a second, for which a change would have to wait: a check
// gives way to it and is made again soon, but not for ever.
type check struct {
	gaveWay int       // times in a row
	at      time.Time // when the next is due; zero: never
}

const (
	mostGaveWay = 3
	checkAgain  = time.Second
)

// next puts the next check off by the interval between checks; 0 is for ever.
func (c *check) next(interval time.Duration) {
	if interval > 0 {
		c.at = time.Now().Add(interval)
	}
}

// verify looks for drift and repairs it. While syncs fail there is nothing to compare with.
func (a *Agent) verify(ctx context.Context) {
	a.check.next(a.cfg.VerifyInterval)
	if !a.planned || a.past.Failures > 0 {
		return
	}
	a.host.seen = time.Time{}
	a.inspect()
	if a.host.changed && a.past.Dirty.IsZero() {
		a.past.Dirty, a.past.Urgent = time.Now(), true
	}
	drift, gaveWay, err := a.readBack(ctx)
	switch {
	case err == nil:
		a.check.gaveWay = 0
	case ctx.Err() != nil:
		return
	case gaveWay:
		a.check.gaveWay++
		a.check.next(min(checkAgain, a.cfg.VerifyInterval))
	default:
		a.log.Warn("can't verify kernel state", "error", err)
	}
	a.lookAhead(time.Now())
	if !drift.Any() {
		return
	}
	a.metrics.observeDrift(drift)
	a.log.Warn("kernel state was changed by another program; repairing", "jumps", drift.Jumps, "chains", drift.Chains, "sets", drift.Sets)
	a.apply(ctx, time.Now())
}

// lookAhead tells when rules of others come to stand ahead of ours, or are gone.
func (a *Agent) lookAhead(now time.Time) {
	rules := a.kernel.Ahead()
	if slices.Equal(rules, a.ahead) {
		return
	}
	a.ahead = rules
	if len(rules) > 0 {
		a.reporter.ahead(rules, now)
	}
	if err := a.status.set(func(s *Status) { s.Ahead = rules }); err != nil {
		a.log.Warn("can't write status file", "error", err)
	}
}

// readBack compares the kernel with what it should hold. It ends when the cluster changes,
// unless it has given way often enough; what it has seen by then counts.
func (a *Agent) readBack(ctx context.Context) (drift kernel.Drift, gaveWay bool, err error) {
	if a.check.gaveWay >= mostGaveWay {
		drift, err = a.kernel.Verify(ctx)
		return drift, false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan bool)
	go func() {
		select {
		case <-a.watcher.Wake():
			cancel()
			changed <- true
		case <-ctx.Done():
			changed <- false
		}
	}()
	drift, err = a.kernel.Verify(ctx)
	cancel()
	if gaveWay = <-changed; gaveWay {
		a.woken()
	}
	return drift, gaveWay, err
}
