package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// A sync that failed is tried again after retryMin, doubled with each failure up to retryMax;
// or retryAfterChange after its start, when something has changed since.
const (
	retryMin, retryMax = 100 * time.Millisecond, 30 * time.Second
	retryAfterChange   = 2 * time.Second
)

// A change of a policy, of a namespace, of a pod of this node or of labels waits for no more than
// urgentShare times the processor time that the last plan took, and no longer than maxWait.
const urgentShare, maxWait = 2, 200 * time.Millisecond

// Pods of other nodes may come and go all the time, and each sync costs some work: a
// node has better uses for its processor. In the long run, syncs for them alone may work one
// part in churnShare of the time. What was not used up is credit: a few changes now and then
// are synced at once, and only those of a churn are gathered, the longer the more a sync costs.
// Work is the agent's processor time: that others keep it from working is no reason to wait.
const (
	churnShare = 20
	credit     = 250 * time.Millisecond
	maxRest    = 2 * time.Second
)

// past is what the time of the next sync depends on.
type past struct {
	Dirty    time.Time     // when the first change not synced yet was seen; zero: none
	Start    time.Time     // of the last sync; zero: none yet
	Busy     time.Duration // the work of the plan in the last sync
	Work     time.Duration // all of the last sync's; none if it was urgent
	Debt     time.Duration // work of the syncs before it that no rest has made up for
	Urgent   bool          // something else has changed than that pods of other nodes came or went
	Free     bool          // the last sync was urgent: churn does not pay for it
	Failures int           // in a row
	Retry    time.Time     // when to try again although nothing has changed; zero: never
}

// begin takes note of a sync that starts.
func (s *past) begin(now time.Time) {
	debt := s.Debt + s.Work - now.Sub(s.Start)/churnShare
	s.Debt = min(max(debt, 0), credit+maxRest/churnShare)
	s.Free, s.Urgent = s.Urgent, false
	s.Start, s.Work, s.Dirty, s.Retry = now, 0, time.Time{}, time.Time{}
}

// end takes note of the work of the sync that has begun.
func (s *past) end(work time.Duration) {
	if !s.Free {
		s.Work = work
	}
}

// due is when the next sync should start, minInterval or more after the last one; zero: there
// is nothing to do.
func (s past) due(minInterval time.Duration) time.Time {
	at := s.Retry
	switch {
	case s.Failures > 0:
		return s.afterFailure()
	case !s.Dirty.IsZero():
		at = s.Dirty
	}
	if earliest := s.Start.Add(max(minInterval, s.rest())); !at.IsZero() && !s.Start.IsZero() && at.Before(earliest) {
		return earliest
	}
	return at
}

// rest is how long after its start a sync asks for no other.
func (s past) rest() time.Duration {
	if s.Urgent {
		return min(s.Busy*urgentShare, maxWait)
	}
	return min((s.Debt+s.Work-credit)*churnShare, maxRest)
}

// afterFailure is the time of the next attempt: the one set, or sooner when the cluster has
// changed since, as the change may be the cure.
func (s past) afterFailure() time.Time {
	sooner := s.Start.Add(retryAfterChange)
	if s.Dirty.IsZero() || sooner.After(s.Retry) {
		return s.Retry
	}
	return sooner
}

// retryDelay is how long to wait after failures in a row; jitter in [0,1) spreads the
// agents of a cluster that all failed for the same reason.
func retryDelay(failures int, jitter float64) time.Duration {
	d := min(retryMin<<min(failures-1, 10), retryMax)
	return d/2 + time.Duration(jitter*float64(d)/2)
}

// worked is the processor time that the agent has used.
func worked() time.Duration {
	var used unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &used) // of itself it always can
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
