package judge

import (
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// A new pod that must be isolated from its start is judged by what arrived in its first
// instants, whatever probes showed afterwards; and never passes where nothing is known of them.
func TestNewPods(t *testing.T) {
	const began = begun + 20*time.Millisecond
	at := func(ms int) time.Duration { return began + time.Duration(ms)*time.Millisecond }
	denied := []Observation{seen(0, Dropped), seen(300, Dropped), seen(600, Dropped)}
	for _, tc := range []struct {
		name     string
		seen     []Observation
		first    New
		outcome  v1.Outcome
		reason   string
		evidence string
	}{
		{
			name: "nothing got in", seen: denied, first: New{Began: began, Sent: 300, First: at(3)}, outcome: v1.Pass,
			evidence: "Dropped in 400.0 ms, control live; 0 of 300 datagrams got in, the first sent 3.0 ms after the pod's start",
		},
		{
			name: "sent before there was a pod", seen: denied, first: New{Began: began, Sent: 300, First: at(-9)}, outcome: v1.Pass,
			evidence: "Dropped in 400.0 ms, control live; 0 of 300 datagrams got in, the first sent 9.0 ms before the pod's start",
		},
		{name: "a protocol without datagrams", seen: denied, first: New{Began: began}, outcome: v1.Pass, evidence: "Dropped in 400.0 ms, control live"},
		{
			name: "open at first", seen: denied,
			first:   New{Began: began, Sent: 300, First: at(3), Received: 2, Arrivals: []time.Duration{at(4), at(9)}},
			outcome: v1.Fail, reason: "must never pass: 2 of 300 datagrams got in, from 4.0 ms to 9.0 ms after the pod's start",
			evidence: "one way only; 2 of 300 datagrams got in, the first sent 3.0 ms after the pod's start",
		},
		{
			name: "a probe got in", seen: append([]Observation{seen(-10, Connected)}, denied...), first: New{Began: began, Sent: 300, First: at(3)},
			outcome: v1.Fail, reason: "must never pass, was Connected: 1 of 4 probes wrong, from 70.0 ms to 70.0 ms after the pod's start",
			evidence: "Connected in 1.0 ms, answered by x/a, received by the server; 0 of 300 datagrams got in, the first sent 3.0 ms after the pod's start",
		},
		{
			name: "nobody knows", seen: denied, first: New{Began: began, Err: "no datagrams were sent"}, outcome: v1.Inconclusive,
			reason: "of the new pod's first instants nothing is known: no datagrams were sent", evidence: "Dropped in 400.0 ms, control live",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Cell{Before: model.Deny, Want: model.Deny, Server: "x/a", Observations: tc.seen, New: &tc.first}
			got := Judge(c, window())
			if got.Outcome != tc.outcome || got.Reason != tc.reason || got.Evidence != tc.evidence {
				t.Errorf("judged %s: %q, by %q\nwant   %s: %q, by %q", got.Outcome, got.Reason, got.Evidence, tc.outcome, tc.reason, tc.evidence)
			}
		})
	}
}
