package run

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
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
	return r
}

func at(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func TestJudgeNeedsEveryStream(t *testing.T) {
	c := flows.Change{Due: at(299), Call: at(300), Ack: at(310), Until: at(900)}
	watched := []flows.Watched{
		{Flow: flows.Flow{Client: near, Server: server}, Report: streamOf([2]int{0, 400})},
		{Flow: flows.Flow{Client: far, Server: server}, Report: streamOf([2]int{0, 1000})},
	}
	got := judge(v1.Revoke, c, toldTimes{seen: at(320), enforced: at(390)}, watched, time.Second)
	if len(got) != 2 || got[0].Stable == nil || *got[0].Stable != 400.5 || got[1].Stable != nil || got[1].Void != "" {
		t.Errorf("got %+v", got)
	}
	if got[0].Pair != "near to server" || got[0].Want != "deny" || got[0].Leak != 90.5 || got[0].Due != 299 || *got[0].Seen != 320 || *got[0].Commit != 390 {
		t.Errorf("got %+v", got[0])
	}
	blind := streamOf([2]int{0, 400})
	blind.Sender.Outages = []wire.Outage{{From: at(401), To: at(431), Count: 30}}
	watched[0].Report = blind
	if got := judge(v1.Revoke, c, toldTimes{}, watched[:1], at(20)); got[0].Void == "" || got[0].Stable != nil || got[0].Seen != nil {
		t.Errorf("a blind sender gave %+v", got[0])
	}
}

func TestDoubts(t *testing.T) {
	sound := func() Result {
		return Result{Finished: true, Ticks: 1000, Controls: Controls{NullConvicted: true, NullLeaked: 3, NullRunning: 100, Floor: true}}
	}
	r := sound()
	if got := r.doubts(DefaultLimits()); len(got) != 0 {
		t.Fatalf("a sound turn is doubted: %v", got)
	}
	silent := Result{Finished: true, Silent: true}
	if got := silent.doubts(DefaultLimits()); len(got) != 0 {
		t.Fatalf("a turn without packets is doubted: %v", got)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Result)
	}{
		{"unfinished", func(r *Result) { r.Finished = false }},
		{"null engine not convicted", func(r *Result) { r.Controls.NullConvicted = false }},
		{"tap that counts nothing", func(r *Result) { r.Controls.NullLeaked = 0 }},
		{"no floor", func(r *Result) { r.Controls.Floor = false }},
		{"late senders", func(r *Result) { r.Missed = 500 }},
		{"busy host", func(r *Result) { r.Host.Foreign = 0.5 }},
		{"stolen processors", func(r *Result) { r.Host.Stolen = 0.5 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := sound()
			tc.spoil(&r)
			if got := r.doubts(DefaultLimits()); len(got) != 1 {
				t.Errorf("doubts: %v", got)
			}
		})
	}
}

// Void samples make the turn of a judged engine void, and only themselves in another's.
func TestConclude(t *testing.T) {
	for _, judged := range []bool{true, false} {
		r := Result{Finished: true, Ticks: 1000, Controls: Controls{NullConvicted: true, Floor: true}}
		r.Samples = judge(v1.Revoke, flows.Change{}, toldTimes{}, make([]flows.Watched, 1), time.Second)
		if unseen := r.conclude(DefaultLimits(), judged); len(unseen) != 1 || (len(r.Turn.Void) == 1) != judged {
			t.Errorf("judged %t: unseen %+v, void %q", judged, unseen, r.Turn.Void)
		}
	}
}

// Too many void samples of a kind take the others of that kind with them, and nothing else.
func TestVoidKinds(t *testing.T) {
	r := Result{Controls: Controls{Floor: true}}
	for _, kind := range []struct {
		name      string
		all, void int
	}{{"revoke", 10, 3}, {"grant", 10, 2}, {v1.Floor, 4, 1}} {
		for i := range kind.all {
			s := v1.Sample{Transition: kind.name}
			if i < kind.void {
				s.Void = "blind"
			}
			r.Samples = append(r.Samples, s)
		}
	}
	lines := r.voidKinds(0.2)
	void := map[string]int{}
	for _, s := range r.Samples {
		if s.Void != "" {
			void[s.Transition]++
		}
	}
	if diff := cmp.Diff(map[string]int{"revoke": 10, "grant": 2, v1.Floor: 4}, void); diff != "" || len(lines) != 2 || r.Controls.Floor {
		t.Errorf("void samples (-want +got):\n%s%v, floor %t", diff, lines, r.Controls.Floor)
	}
}

func TestHolds(t *testing.T) {
	const text = `create a hash:ip family inet hashsize 64 maxelem 65536
add a 10.0.0.1
create b hash:net family inet hashsize 64 maxelem 65536
add b 10.0.0.1
add b 10.0.0.2/32
create c hash:ip,port family inet hashsize 64 maxelem 65536
add c 10.0.0.3,tcp:80
`
	for _, tc := range []struct {
		want string
		ok   bool
	}{{"10.0.0.1", true}, {"10.0.0.1 10.0.0.2", true}, {"10.0.0.2", false}, {"10.0.0.3", false}, {"10.0.0.1 10.0.0.2 10.0.0.9", false}} {
		want := map[string]bool{}
		for _, ip := range strings.Fields(tc.want) {
			want[ip] = true
		}
		if got := holds(text, want); got != tc.ok {
			t.Errorf("%s: %v", tc.want, got)
		}
	}
}

// Changes of an object wait for those before, also when one change has two writes of it, and
// no others do.
func TestTurns(t *testing.T) {
	of := func(names ...string) (writes []load.Write) {
		for _, name := range names {
			writes = append(writes, load.Write{Pod: &load.Pod{Namespace: "x", Name: name}})
		}
		return writes
	}
	all := turns{}
	firstAwait, firstDone := all.take(of("a", "a"))
	otherAwait, otherDone := all.take(of("b"))
	lastAwait, lastDone := all.take(of("a", "b"))
	firstAwait()
	otherAwait() // although the first is not done
	otherDone()
	reached := make(chan struct{})
	go func() {
		lastAwait()
		close(reached)
	}()
	select {
	case <-reached:
		t.Fatal("the last one did not wait for the first")
	case <-time.After(20 * time.Millisecond):
	}
	firstDone()
	<-reached
	lastDone()
}
