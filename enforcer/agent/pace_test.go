package agent

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := newPace(50 * time.Millisecond)
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
		{"first change settles", past{Dirty: t0}, 10 * ms, true},
		{"first change after a quiet time settles", past{Dirty: at(time.Hour), Start: t0}, time.Hour + 10*ms, true},
		{"changes in a row keep the interval", past{Dirty: at(20 * ms), Start: t0}, 50 * ms, true},
		{"long work rests", past{Dirty: at(20 * ms), Start: t0, Busy: 40 * ms}, 360 * ms, true},
		{"rest is over", past{Dirty: at(time.Second), Start: t0, Busy: 40 * ms}, 1010 * ms, true},
		{"churn gathers", past{Dirty: at(20 * ms), Start: t0, Row: churnRow}, 1500 * ms, true},
		{"churn does not hold up others", past{Dirty: at(20 * ms), Start: t0, Row: churnRow, Urgent: true}, 50 * ms, true},
		{"long work rests less for others", past{Dirty: at(20 * ms), Start: t0, Busy: 40 * ms, Urgent: true}, 80 * ms, true},
		{"starved work rests less for others", past{Dirty: at(20 * ms), Start: t0, Busy: 4 * time.Second, Row: churnRow, Urgent: true}, 200 * ms, true},
		{"starved work rests", past{Dirty: at(20 * ms), Start: t0, Busy: 4 * time.Second}, 2 * time.Second, true},
		{"a few in a row are no churn", past{Dirty: at(20 * ms), Start: t0, Row: churnRow - 1}, 50 * ms, true},
		{"failure waits", past{Failures: 3, Start: t0, Retry: at(400 * ms)}, 400 * ms, true},
		{"failure is not hurried by churn", past{Failures: 3, Start: t0, Retry: at(400 * ms), Dirty: at(ms)}, 400 * ms, true},
		{"a change cuts a long wait", past{Failures: 9, Start: t0, Retry: at(30 * time.Second), Dirty: at(ms)}, 2 * time.Second, true},
		{"left-overs", past{Start: t0, Retry: at(time.Second)}, time.Second, true},
		{"a change comes before left-overs", past{Start: t0, Retry: at(time.Second), Dirty: at(100 * ms)}, 110 * ms, true},
	} {
		got, ok := p.due(tc.past)
		if ok != tc.ok || ok && !got.Equal(at(tc.want)) {
			t.Errorf("%s: due after %v (%v), want %v (%v)", tc.name, got.Sub(t0), ok, tc.want, tc.ok)
		}
	}
}

func TestRow(t *testing.T) {
	var p past
	t0 := time.Unix(1000, 0)
	for i, tc := range []struct {
		after time.Duration // ms
		row   int
	}{
		{0, 1}, {50, 2}, {100, 3}, {100 + churnPause/time.Millisecond, 4}, {9000, 1}, {9001, 2},
	} {
		p.Urgent = true
		p.begin(t0.Add(tc.after * time.Millisecond))
		if p.Row != tc.row || p.Urgent {
			t.Errorf("sync %d: %d in a row (urgent %v), want %d", i, p.Row, p.Urgent, tc.row)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	p := newPace(50 * time.Millisecond)
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
		if got := p.retryDelay(tc.failures, tc.jitter); got != tc.want {
			t.Errorf("%d failures, jitter %v: %v, want %v", tc.failures, tc.jitter, got, tc.want)
		}
	}
}
