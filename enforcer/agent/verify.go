package agent

import (
	"context"
	"slices"
	"time"

	"github.com/netassay/netassay/enforcer/kernel"
)

// check is how it goes with the checks for drift. To read back what a large cluster has in the
// kernel takes some tenths of a second, so that it happens beside the loop, which compares.
type check struct {
	at       time.Time // when the next is due; zero: one is under way, or never
	failures int       // in a row
	seen     chan sighting
}

// sighting is how a look at the kernel went.
type sighting struct {
	*kernel.Sight
	err error
}

// checkAgain is when to look again after one that failed: a set can be gone between the list of
// all and its own.
const checkAgain = time.Second

// next puts the next check off by the interval between checks; 0 is for ever.
func (c *check) next(interval time.Duration) {
	if interval > 0 {
		c.at = time.Now().Add(interval)
	}
}

// verify begins to look for drift, and at the host. While syncs fail there is nothing to
// compare with.
func (a *Agent) verify(ctx context.Context) {
	if !a.planned || a.past.Failures > 0 {
		a.check.next(a.cfg.VerifyInterval)
		return
	}
	a.lookAtHost()
	a.check.at = time.Time{}
	look := a.kernel.Look()
	a.beside.Go(func() {
		s, err := look(ctx)
		a.check.seen <- sighting{s, err}
	})
}

// verified repairs what the look has seen to be wrong.
func (a *Agent) verified(ctx context.Context, s sighting) {
	if s.err != nil {
		a.check.next(min(checkAgain, a.cfg.VerifyInterval))
		if a.check.failures++; a.check.failures > 1 && ctx.Err() == nil {
			a.log.Warn("can't verify kernel state", "error", s.err)
		}
		return
	}
	a.check.next(a.cfg.VerifyInterval)
	a.check.failures = 0
	drift := a.kernel.Compare(s.Sight)
	if a.past.Failures > 0 { // nothing is known
		return
	}
	if a.host.lost != "" && len(a.kernel.Families()) > 1 { // IPv6 is there
		a.tryModules(ctx)
		a.replan()
		return
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
	a.status.set(func(s *Status) { s.Ahead = rules })
}

// replan has a new plan made although nothing in the cluster has changed.
func (a *Agent) replan() {
	a.host.changed, a.past.Urgent = true, true
	if a.past.Dirty.IsZero() {
		a.past.Dirty = time.Now()
	}
}
