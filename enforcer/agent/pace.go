package agent

import "time"

// pace decides when the next sync is due.
type pace struct {
	Settle      time.Duration // wait for companions of the first change after a quiet time
	MinInterval time.Duration // between the starts of syncs
	Churn       time.Duration // the same while pods come and go all the time
	RetryMin    time.Duration // after the first failure, doubled with each
	RetryMax    time.Duration

	RetryAfterChange time.Duration // after the start of a sync that failed, when something has changed since
}

// The loop must not work all the time: from the start of a sync it rests this many times as
// long as the plan took to compute. Those who wait for a policy or a pod of this node are
// less patient, and on a starved node the work takes long by the clock.
const (
	restShare, maxRest   = 9, 2 * time.Second
	urgentShare, maxWait = 2, 200 * time.Millisecond
)

// While pods come and go all the time, syncs are gathered: each costs some processes, and
// a node has better uses for its processor. That begins when there have been some syncs in
// a row without a pause, and ends with a pause, or at once for other changes than those of
// pods of other nodes.
const (
	churnInterval = 1500 * time.Millisecond
	churnPause    = 3 * time.Second
	churnRow      = 5
)

func newPace(minInterval time.Duration) pace {
	return pace{
		Settle:      min(10*time.Millisecond, minInterval),
		MinInterval: minInterval,
		Churn:       max(churnInterval, minInterval),
		RetryMin:    100 * time.Millisecond,
		RetryMax:    30 * time.Second,

		RetryAfterChange: 2 * time.Second,
	}
}

// past is what the pace depends on.
type past struct {
	Dirty    time.Time     // when the first change not synced yet was seen; zero: none
	Start    time.Time     // of the last sync; zero: none yet
	Busy     time.Duration // the CPU-heavy part of the last sync
	Row      int           // syncs without a pause between them, up to the last
	Urgent   bool          // something else than pods of other nodes has changed
	Failures int           // in a row
	Retry    time.Time     // when to try again although nothing has changed; zero: never
}

// begin takes note of a sync that starts.
func (s *past) begin(now time.Time) {
	if s.Start.IsZero() || now.Sub(s.Start) > churnPause {
		s.Row = 0
	}
	s.Row++
	s.Start, s.Dirty, s.Retry, s.Urgent = now, time.Time{}, time.Time{}, false
}

// due is when the next sync should start; ok is false when there is nothing to do.
func (p pace) due(s past) (at time.Time, ok bool) {
	switch {
	case s.Failures > 0:
		return p.afterFailure(s), true
	case !s.Dirty.IsZero():
		at, ok = s.Dirty.Add(p.Settle), true
	case !s.Retry.IsZero():
		at, ok = s.Retry, true
	default:
		return at, false
	}
	if s.Start.IsZero() {
		return at, ok
	}
	if earliest := s.Start.Add(p.interval(s)); at.Before(earliest) {
		at = earliest
	}
	return at, ok
}

// interval is the least time between the start of the last sync and that of the next.
func (p pace) interval(s past) time.Duration {
	switch {
	case s.Urgent:
		return max(p.MinInterval, min(s.Busy*urgentShare, maxWait))
	case s.Row >= churnRow:
		return max(p.Churn, min(s.Busy*restShare, maxRest))
	default:
		return max(p.MinInterval, min(s.Busy*restShare, maxRest))
	}
}

// afterFailure is the time of the next attempt: the one set, or sooner when the cluster has
// changed since, as the change may be the cure.
func (p pace) afterFailure(s past) time.Time {
	sooner := s.Start.Add(p.RetryAfterChange)
	if s.Dirty.IsZero() || sooner.After(s.Retry) {
		return s.Retry
	}
	return sooner
}

// retryDelay is how long to wait after failures in a row; jitter in [0,1) spreads the
// agents of a cluster that all failed for the same reason.
func (p pace) retryDelay(failures int, jitter float64) time.Duration {
	d := p.RetryMin
	for range failures - 1 {
		if d *= 2; d >= p.RetryMax {
			d = p.RetryMax
			break
		}
	}
	return d/2 + time.Duration(jitter*float64(d)/2)
}
