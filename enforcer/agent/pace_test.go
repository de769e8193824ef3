package agent

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	const minInterval = 50 * time.Millisecond
	t0 := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	const ms = time.Millisecond
	for _, tc := range []struct {
		name string
		past past
		want time.Duration // after t0
		ok   bool
	}{
		{"nothing to do", past{Start: t0}, 0, false},
		{"nothing ever", past{}, 0, false},
		{"the first change goes at once", past{Dirty: t0}, 0, true},
		{"the first change after a quiet time goes at once", past{Dirty: at(time.Hour), Start: t0}, time.Hour, true},
		{"changes in a row keep the interval", past{Dirty: at(20 * ms), Start: t0}, 50 * ms, true},
		{"a little work is on credit", past{Dirty: at(20 * ms), Start: t0, Work: 200 * ms}, 50 * ms, true},
		{"churn gathers", past{Dirty: at(20 * ms), Start: t0, Work: 60 * ms, Debt: credit}, 1200 * ms, true},
		{"cheap churn gathers less", past{Dirty: at(20 * ms), Start: t0, Work: 10 * ms, Debt: credit}, 200 * ms, true},
		{"rest is over", past{Dirty: at(2 * time.Second), Start: t0, Work: 60 * ms, Debt: credit}, 2000 * ms, true},
		{"long work rests", past{Dirty: at(20 * ms), Start: t0, Work: 4 * time.Second}, 2 * time.Second, true},
		{"churn does not hold up others", past{Dirty: at(20 * ms), Start: t0, Work: 60 * ms, Debt: credit, Urgent: true}, 50 * ms, true},
		{"long work rests less for others", past{Dirty: at(20 * ms), Start: t0, Busy: 40 * ms, Urgent: true}, 80 * ms, true},
		{"longer work rests less for others", past{Dirty: at(20 * ms), Start: t0, Busy: 4 * time.Second, Urgent: true}, 200 * ms, true},
		{"failure waits", past{Failures: 3, Start: t0, Retry: at(400 * ms)}, 400 * ms, true},
		{"failure is not hurried by churn", past{Failures: 3, Start: t0, Retry: at(400 * ms), Dirty: at(ms)}, 400 * ms, true},
		{"a change cuts a long wait", past{Failures: 9, Start: t0, Retry: at(30 * time.Second), Dirty: at(ms)}, 2 * time.Second, true},
		{"left-overs", past{Start: t0, Retry: at(time.Second)}, time.Second, true},
		{"a change comes before left-overs", past{Start: t0, Retry: at(time.Second), Dirty: at(100 * ms)}, 100 * ms, true},
	} {
		got := tc.past.due(minInterval)
		ok := !got.IsZero()
		if ok != tc.ok || ok && !got.Equal(at(tc.want)) {
			t.Errorf("%s: due after %v (%v), want %v (%v)", tc.name, got.Sub(t0), ok, tc.want, tc.ok)
		}
	}
}

// A churn that never ends: syncs are as far apart as their cost asks for, and work one part
// in churnShare of the time. A change now and then is synced at once.
func TestChurnWorksItsShare(t *testing.T) {
	const minInterval = 50 * time.Millisecond
	for _, tc := range []struct {
		every, work time.Duration
		atOnce      bool
	}{
		{10 * time.Millisecond, 60 * time.Millisecond, false},
		{10 * time.Millisecond, 10 * time.Millisecond, false},
		{2 * time.Second, 60 * time.Millisecond, true},
		{300 * time.Millisecond, 10 * time.Millisecond, true},
	} {
		now, end := time.Unix(1000, 0), time.Unix(1100, 0)
		var s past
		var work, longest time.Duration
		for now.Before(end) {
			s.Dirty = now
			at := s.due(minInterval)
			longest = max(longest, at.Sub(now))
			s.begin(at)
			s.end(tc.work)
			work += tc.work
			now = at.Add(max(tc.work, tc.every))
		}
		if most := 100*time.Second/churnShare + credit + 2*tc.work; work > most {
			t.Errorf("a change each %v, syncs of %v: %v of work in 100 s, want at most %v", tc.every, tc.work, work, most)
		}
		if atOnce := longest <= minInterval; atOnce != tc.atOnce {
			t.Errorf("a change each %v, syncs of %v: one waited %v", tc.every, tc.work, longest)
		}
	}
}

// Edits of policies take long, and who churns no pod does not pay for them: a pod elsewhere
// that comes after ten of them goes at once.
func TestUrgentWorkIsFree(t *testing.T) {
	now := time.Unix(1000, 0)
	var s past
	for range 10 {
		s.Dirty, s.Urgent = now, true
		s.begin(now)
		s.end(170 * time.Millisecond)
		now = now.Add(500 * time.Millisecond)
	}
	s.Dirty = now
	if at := s.due(50 * time.Millisecond); !at.Equal(now) {
		t.Errorf("a pod elsewhere waits %v after edits of policies", at.Sub(now))
	}
}

// Time that passes without work is none: a starved agent need not wait for what others did.
func TestWorkedIsProcessorTime(t *testing.T) {
	before, end := worked(), time.Now().Add(20*time.Millisecond)
	for time.Now().Before(end) {
	}
	busy := worked() - before
	before = worked()
	<-time.After(50 * time.Millisecond)
	if idle := worked() - before; busy == 0 || idle > 40*time.Millisecond {
		t.Errorf("worked %v while busy, %v while idle", busy, idle)
	}
}

func TestRetryDelay(t *testing.T) {
	for _, tc := range []struct {
		failures int
		jitter   float64
		want     time.Duration
	}{
		{1, 0, 50 * time.Millisecond},
		{1, 1, 100 * time.Millisecond},
		{2, 1, 200 * time.Millisecond},
		{4, 0.5, 600 * time.Millisecond},
		{9, 1, 25600 * time.Millisecond},
		{10, 1, 30 * time.Second},
		{1000, 0, 15 * time.Second},
	} {
		if got := retryDelay(tc.failures, tc.jitter); got != tc.want {
			t.Errorf("%d failures, jitter %v: %v, want %v", tc.failures, tc.jitter, got, tc.want)
		}
	}
}
