package agent

import "time"

// pace decides when the next sync is due.
type pace struct {
	Settle      time.Duration // wait for companions of the first change after a quiet time
	MinInterval time.Duration // between the starts of syncs
}

// A sync that failed is tried again after retryMin, doubled with each failure up to retryMax;
// or retryAfterChange after its start, when something has changed since.
const (
	retryMin, retryMax = 100 * time.Millisecond, 30 * time.Second
	retryAfterChange   = 2 * time.Second
)

// A change of a policy, of a namespace, of a pod of this node or of labels waits for no more than
// urgentShare times as long as the last plan took: on a starved node that is long by the
// clock, hence maxWait.
const urgentShare, maxWait = 2, 200 * time.Millisecond

// Pods of other nodes may come and go all the time, and each sync costs some work: a
// node has better uses for its processor. In the long run, syncs for them may work one part
// in churnShare of the time. What was not used up is credit: a few changes now and then are
// synced at once, and only those of a churn are gathered, the longer the more a sync costs.
const (
	churnShare = 20
	credit     = 250 * time.Millisecond
	maxRest    = 2 * time.Second
)

func newPace(minInterval time.Duration) pace {
	return pace{Settle: min(10*time.Millisecond, minInterval), MinInterval: minInterval}
}

// past is what the pace depends on.
type past struct {
	Dirty    time.Time     // when the first change not synced yet was seen; zero: none
	Start    time.Time     // of the last sync; zero: none yet
	Busy     time.Duration // what the plan took in the last sync
	Work     time.Duration // what all of the last sync took
	Debt     time.Duration // work of the syncs before it that no rest has made up for
	Urgent   bool          // something else has changed than that pods of other nodes came or went
	Failures int           // in a row
	Retry    time.Time     // when to try again although nothing has changed; zero: never
}

// begin takes note of a sync that starts.
func (s *past) begin(now time.Time) {
	debt := s.Debt + s.Work - now.Sub(s.Start)/churnShare
	s.Debt = min(max(debt, 0), credit+maxRest/churnShare)
	s.Start, s.Work, s.Dirty, s.Retry, s.Urgent = now, 0, time.Time{}, time.Time{}, false
}

// due is when the next sync should start; zero: there is nothing to do.
func (p pace) due(s past) time.Time {
	at := s.Retry
	switch {
	case s.Failures > 0:
		return s.afterFailure()
	case !s.Dirty.IsZero():
		at = s.Dirty.Add(p.Settle)
	}
	if earliest := s.Start.Add(p.interval(s)); !at.IsZero() && !s.Start.IsZero() && at.Before(earliest) {
		return earliest
	}
	return at
}

// interval is the least time between the start of the last sync and that of the next.
func (p pace) interval(s past) time.Duration {
	rest := min((s.Debt+s.Work-credit)*churnShare, maxRest)
	if s.Urgent {
		rest = min(s.Busy*urgentShare, maxWait)
	}
	return max(p.MinInterval, rest)
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
