package runner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
)

// A pod that a step creates is watched from its first instant: what gets in, or out, before
// anybody could probe convicts, and where nothing was sent nothing is proved.
func TestBirths(t *testing.T) {
	leak := func(s fakeStream) probe.StreamReport {
		return probe.StreamReport{
			Stream: s.stream, Sender: wire.SenderReport{Start: 2 * time.Millisecond, Sent: 300}, Received: 1,
			Receivers: []probe.Received{{ReceiverReport: wire.ReceiverReport{Leaks: []time.Duration{5 * time.Millisecond}}}},
		}
	}
	afterwards := func(s fakeStream) probe.StreamReport {
		r := leak(s)
		r.Receivers[0].Leaks[0] = time.Hour
		return r
	}
	nothing := func(fakeStream) probe.StreamReport { return probe.StreamReport{} }
	for _, tc := range []struct {
		name, kase string
		streamed   func(fakeStream) probe.StreamReport
		outcome    v1.Outcome
		reason     string
		streams    []string
	}{
		{name: "closed", kase: "new-pod-ingress", outcome: v1.Pass, streams: []string{"x/c to 80 blocked true", "y/c to 80 blocked true"}},
		{name: "it lets in", kase: "new-pod-ingress", streamed: leak, outcome: v1.Fail, reason: "must never pass: 1 of 300 datagrams got in, from 4.0 ms"},
		{name: "the next step lets in", kase: "new-pod-ingress", streamed: afterwards, outcome: v1.Pass},
		{name: "closed for what it sends", kase: "new-pod-egress", outcome: v1.Pass, streams: []string{"x/d to 80 blocked true", "x/d to 80 blocked true"}},
		{name: "it lets out", kase: "new-pod-egress", streamed: leak, outcome: v1.Fail, reason: "must never pass: 1 of 300 datagrams got in, from 4.0 ms"},
		{name: "it sends nothing", kase: "new-pod-egress", streamed: nothing, outcome: v1.Inconclusive, reason: "no datagram left x/d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if tc.streamed != nil {
					w.streamed = tc.streamed
				}
				run := w.run(t, w.config(loadCases(t, tc.kase)...))
				c := outcomeOf(t, run, tc.kase)
				if c.Outcome != tc.outcome || !strings.Contains(c.Reason, tc.reason) {
					t.Errorf("%s: %s, want %s: %s", c.Outcome, c.Reason, tc.outcome, tc.reason)
				}
				if diff := cmp.Diff(tc.streams, sentOver(w)); tc.streams != nil && diff != "" {
					t.Errorf("streams (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// sentOver are the streams of IPv4, by client.
func sentOver(w *world) []string {
	var all []string
	for _, s := range w.streams {
		if s.stream.Addr.Addr().Is4() {
			namespace, pod, _ := strings.Cut(s.client, "/")
			all = append(all, fmt.Sprintf("%s/%s to %d blocked %v", namespace[len(namespace)-1:], pod, s.stream.Addr.Port(), s.stream.Blocked))
		}
	}
	slices.Sort(all)
	return all
}

// A pod runs to its end, and its address goes to the next, as a case says.
func TestAddressesGoOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		names := []string{"address-reused-after-complete-ingress", "address-reused-after-delete-egress", "address-reused-by-subject-ingress"}
		run := w.run(t, w.config(loadCases(t, names...)...))
		for _, name := range names {
			if c := outcomeOf(t, run, name); c.Outcome != v1.Pass {
				t.Errorf("%s: %s: %s", name, c.Outcome, c.Reason)
			}
		}
		if w.reused != 6 {
			t.Errorf("%d pods got the address of another, want 6", w.reused)
		}
	})
}
