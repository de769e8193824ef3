package probes

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// eagerStart is the pause after the first failure of a probe that has not succeeded yet.
const eagerStart = 15 * time.Millisecond

// Run checks until ctx ends and reports each verdict that differs from the one before; the
// container counts as not ok before the first. check gets a context with the probe's
// timeout.
//
// Until the first success it asks more often than the period, with growing pauses, so that
// a server which needs 50 ms to start is not seen a period later. Only results a period
// apart count as failures.
func Run(ctx context.Context, p *corev1.Probe, check func(context.Context) error, report func(ok bool, why error)) {
	period, timeout := seconds(p.PeriodSeconds, 10), seconds(p.TimeoutSeconds, 1)
	if !pause(ctx, time.Duration(p.InitialDelaySeconds)*time.Second) {
		return
	}
	r := rounds{period: period, next: eagerStart, counted: time.Now().Add(-period)}
	tally := NewTally(p)
	for {
		began := time.Now()
		err := once(ctx, timeout, check)
		if ctx.Err() != nil {
			return
		}
		if r.counts(err == nil, began) {
			if ok, decided := tally.Add(err == nil); decided {
				r.say(ok, err, report)
			}
		}
		if !pause(ctx, r.wait(began)) {
			return
		}
	}
}

func once(ctx context.Context, timeout time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return check(ctx)
}

// rounds keeps the time between checks.
type rounds struct {
	period  time.Duration
	next    time.Duration // the next eager pause
	counted time.Time     // when the last counted check began
	warm    bool          // has succeeded once
	said    bool
	last    bool
}

// counts reports whether the result of a check counts.
func (r *rounds) counts(ok bool, began time.Time) bool {
	if ok {
		r.warm = true
	}
	if !ok && !r.warm && began.Sub(r.counted) < r.period {
		return false
	}
	r.counted = began
	return true
}

func (r *rounds) say(ok bool, err error, report func(bool, error)) {
	if !r.said || r.last != ok {
		report(ok, err)
	}
	r.said, r.last = true, ok
}

// wait is the time from now to the next check.
func (r *rounds) wait(began time.Time) time.Duration {
	d := r.period
	if !r.warm {
		d = min(r.next, r.period)
		r.next = r.next * 3 / 2
	}
	return max(0, d-time.Since(began))
}

func seconds(n, otherwise int32) time.Duration {
	if n <= 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// pause waits for d; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// Tally turns single results into a verdict by the thresholds of a probe.
type Tally struct {
	success, failure int // thresholds
	inARow           int
	last             bool
}

// NewTally is the tally of a probe; thresholds that are not set mean 1 success and 3
// failures.
func NewTally(p *corev1.Probe) *Tally {
	t := &Tally{success: int(p.SuccessThreshold), failure: int(p.FailureThreshold)}
	if t.success < 1 {
		t.success = 1
	}
	if t.failure < 1 {
		t.failure = 3
	}
	return t
}

// Add counts one result. decided reports whether a threshold is reached, ok which.
func (t *Tally) Add(result bool) (ok, decided bool) {
	if result != t.last {
		t.inARow = 0
	}
	t.last = result
	t.inARow++
	if result {
		return true, t.inARow >= t.success
	}
	return false, t.inARow >= t.failure
}
