package judge

import (
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

func TestCourse(t *testing.T) {
	at := func(ms int, r Result) Observation {
		sent := time.Second + time.Duration(ms)*time.Millisecond
		o := Observation{Result: r, Sent: sent, Done: sent + time.Millisecond, Packets: 2, Server: ControlLive, Client: ControlLive}
		o.Delivered = r == Connected
		return o
	}
	w := Window{Begun: 900 * time.Millisecond, Acked: time.Second, Ended: 3 * time.Second, Hold: 400 * time.Millisecond, Deadline: 10 * time.Second}
	for _, tc := range []struct {
		name         string
		before, want model.Verdict
		seen         []Observation
		course       string
	}{
		{"nothing seen", model.Deny, model.Deny, nil, ""},
		{
			"allowed, then denied", model.Allow, model.Deny,
			[]Observation{at(0, Connected), at(38, Connected), at(45, Dropped), at(60, Dropped), at(1200, Dropped)},
			"2-c@0..38 3+d@45..1200",
		},
		{"in the order in which they were sent", model.Allow, model.Allow, []Observation{at(60, Connected), at(-50, Connected)}, "2+c@-50..60"},
		{
			"what the harness could not see proves nothing", model.Deny, model.Deny,
			[]Observation{at(1, Inconclusive), {Result: Dropped, Sent: 1002 * time.Millisecond, Packets: 2}, at(3, Dropped)},
			"1?i@1 1?d@2 1+d@3",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Course(&Cell{Before: tc.before, Want: tc.want, Observations: tc.seen}, w)
			if got != tc.course {
				t.Errorf("course %q, want %q", got, tc.course)
			}
			told := 0
			for _, s := range (&v1.Cell{Course: got}).Stretches() {
				told += s.Count
			}
			if told != len(tc.seen) {
				t.Errorf("a reader finds %d observations in %q, want %d", told, got, len(tc.seen))
			}
		})
	}
}

// The first and the last of a row are rounded alike, wherever in a millisecond the ack came.
func TestCourseOfAnAckBetweenMilliseconds(t *testing.T) {
	sent := func(us int) Observation {
		return Observation{Result: Inconclusive, Sent: time.Second + time.Duration(us)*time.Microsecond}
	}
	for _, tc := range []struct {
		acked, first, last int // microseconds
		course             string
	}{
		{300, 700, 1200, "2?i@0..1"}, // 0.4 and 0.9 ms after the ack
		{300, 1400, 1600, "2?i@1"},   // 1.1 and 1.3
	} {
		w := Window{Begun: time.Second, Acked: time.Second + time.Duration(tc.acked)*time.Microsecond, Ended: 2 * time.Second}
		c := &Cell{Before: model.Deny, Want: model.Deny, Observations: []Observation{sent(tc.first), sent(tc.last)}}
		if got := Course(c, w); got != tc.course {
			t.Errorf("course %q, want %q", got, tc.course)
		}
	}
}
