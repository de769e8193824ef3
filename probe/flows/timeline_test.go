package flows

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/wire"
)

// streamOf is a stream of a packet per millisecond from 0 to 1 s of which those in the given
// stretches of milliseconds arrived, half a millisecond after they were sent.
func streamOf(arrived ...[2]int) probe.StreamReport {
	const step = time.Millisecond
	r := probe.StreamReport{Stream: probe.Stream{Interval: step}, Sender: wire.SenderReport{Sent: 1000, Start: 0, End: 999 * step}}
	var got probe.Received
	for _, a := range arrived {
		got.Spans = append(got.Spans, wire.Span{
			First: uint64(a[0]), Last: uint64(a[1] - 1),
			FirstAt: time.Duration(a[0])*step + step/2, LastAt: time.Duration(a[1]-1)*step + step/2,
		})
		got.Received += uint64(a[1] - a[0])
	}
	if len(arrived) > 0 {
		r.Receivers = []probe.Received{got}
	}
	r.Received = got.Received
	r.Lost = r.Sender.Sent - r.Received
	return r
}

func at(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func TestObserve(t *testing.T) {
	deny := Change{Call: at(300), Ack: at(310), Until: at(900)}
	allow := deny
	allow.Allow = true
	blind := streamOf([2]int{0, 400})
	blind.Sender.Outages = []wire.Outage{{From: at(401), To: at(431), Count: 30}}
	asleep := streamOf([2]int{0, 1000}) // sent nothing from before the change until after the next
	asleep.Sender.Outages = []wire.Outage{{From: at(299), To: at(905), Count: 606}}
	dozed := streamOf([2]int{400, 880})
	dozed.Sender.Outages = []wire.Outage{{From: at(881), To: at(905), Count: 24}}
	late := streamOf([2]int{0, 400})
	late.Sender.Start = at(290)
	early := streamOf([2]int{0, 400})
	early.Sender.End = at(800)
	cut := streamOf([2]int{0, 400})
	cut.Receivers[0].SpansBeyond = 1
	unasked := streamOf([2]int{0, 400})
	unasked.Unasked = []string{"server"}
	for _, tc := range []struct {
		name   string
		change Change
		stream probe.StreamReport
		want   Seen
	}{
		{"deny", deny, streamOf([2]int{0, 400}), Seen{First: at(400.5), Stable: at(400.5), Wrong: at(90.5)}},
		{"deny that was right before the answer", deny, streamOf([2]int{0, 305}), Seen{First: at(305.5), Stable: at(305.5)}},
		{"deny that flaps", deny, streamOf([2]int{0, 400}, [2]int{500, 600}), Seen{First: at(400.5), Stable: at(600.5), Flips: 1, Wrong: at(190.5)}},
		{"deny that never comes", deny, streamOf([2]int{0, 1000}), Seen{Censored: true, Wrong: at(590)}},
		{"deny that does not stay", deny, streamOf([2]int{0, 400}, [2]int{500, 1000}), Seen{First: at(400.5), Flips: 1, Censored: true, Wrong: at(490)}},
		{"deny of what was denied", deny, streamOf([2]int{0, 200}), Seen{Void: "the flow had the new verdict already before the change"}},
		{"deny while the sender was silent", deny, blind, Seen{First: at(430.5), Stable: at(430.5), Blind: at(30), Wrong: at(90.5)}},
		{"deny that the next change ends", deny, streamOf([2]int{0, 400}, [2]int{950, 1000}), Seen{First: at(400.5), Stable: at(400.5), Wrong: at(90.5)}},
		{"allow", allow, streamOf([2]int{400, 1000}), Seen{First: at(400.5), Stable: at(400.5), Wrong: at(90.5)}},
		{"allow that flaps", allow, streamOf([2]int{400, 500}, [2]int{600, 1000}), Seen{First: at(400.5), Stable: at(600.5), Flips: 1, Wrong: at(190.5)}},
		{"allow that never comes", allow, streamOf(), Seen{Censored: true, Wrong: at(590)}},
		{"allow that comes with the next change", allow, streamOf([2]int{950, 1000}), Seen{Censored: true, Wrong: at(590)}},
		{"allow that does not stay", allow, streamOf([2]int{400, 600}), Seen{First: at(400.5), Flips: 1, Censored: true, Wrong: at(390)}},
		{"allow of what was allowed", allow, streamOf([2]int{0, 1000}), Seen{Void: "the flow had the new verdict already before the change"}},
		{"started too late", deny, late, Seen{Void: "the stream did not run all the time"}},
		{"ended too early", deny, early, Seen{Void: "the stream did not run all the time"}},
		{"too many interruptions", deny, cut, Seen{Void: "the flow was interrupted too often to be listed"}},
		{"a receiver that is gone", deny, unasked, Seen{Void: "a receiver could not be asked"}},
		{"deny within a silence", deny, asleep, Seen{Void: "the sender was silent when the next change began"}},
		{"allow that may have stayed", allow, dozed, Seen{Void: "the sender was silent when the next change began"}},
		{"nothing sent", deny, probe.StreamReport{}, Seen{Void: "the sender sent nothing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Observe(tc.change, tc.stream)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimeline(t *testing.T) {
	var got Timeline
	got.End(at(1)) // of nothing
	got.Add(Change{Call: at(10), Ack: at(12)})
	got.Add(Change{Allow: true, Call: at(20), Ack: at(21)})
	got.End(at(30))
	want := Timeline{{Call: at(10), Ack: at(12), Until: at(20)}, {Allow: true, Call: at(20), Ack: at(21), Until: at(30)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnlisted: a report that leaves something out says so.
func TestUnlisted(t *testing.T) {
	cut := streamOf([2]int{0, 10})
	cut.Receivers[0].SpansBeyond = 1
	unasked := streamOf([2]int{0, 10})
	unasked.Unasked = []string{"far"}
	for name, r := range map[string]probe.StreamReport{"nothing sent": {}, "spans beyond": cut, "not asked": unasked} {
		if Unlisted(r) == "" {
			t.Errorf("%s: all that was wrong is taken for known", name)
		}
	}
	if why := Unlisted(streamOf([2]int{0, 10})); why != "" {
		t.Errorf("a whole report: %s", why)
	}
}
