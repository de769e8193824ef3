package steady

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/internal/fakenode"
)

// The clients of the flows; the bad ones may reach nobody.
const (
	near    = "near"
	far     = "far"
	badNear = "bad-near"
	badFar  = "bad-far"
)

// newLoad is a load on a fake node.
func newLoad(n *fakenode.Node) *Load {
	return &Load{
		Record:  func(...v1.Record) {},
		Backend: "nft", Interval: time.Millisecond, Connect: time.Second,
		Watcher: flows.Watcher{Fleet: n, Silence: time.Millisecond, Deadline: 10 * time.Second},
		Pass:    fakenode.Flows(near, far), Drop: fakenode.Flows(badNear, badFar),
	}
}

// into puts findings into all.
func into(all *[]v1.Finding) func(...v1.Record) {
	return func(records ...v1.Record) {
		for _, r := range records {
			*all = append(*all, *r.(*v1.Finding))
		}
	}
}

// Streams of the next segment start before those of the last one stop, and none is left.
func TestLoadLeavesNoTimeUnwatched(t *testing.T) {
	n := &fakenode.Node{}
	l := newLoad(n)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []string{"one", "two"} {
		if err := l.Under(t.Context(), phase, func(ctx context.Context) error { return flows.Pause(ctx, 50*time.Millisecond) }); err != nil {
			t.Fatal(err)
		}
		if got := l.Now().Phase; got != phase {
			t.Errorf("in phase %q, want %q", got, phase)
		}
	}
	if err := l.End(t.Context()); err != nil || n.Running() != 0 {
		t.Errorf("%v, %d streams run", err, n.Running())
	}
	running, blocked := 0, 0
	log := n.Log()
	for i, line := range log {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "start":
			running++
			client, flag, _ := strings.Cut(rest, " ")
			if fakenode.Denied(client) != (flag == "blocked=true") {
				t.Errorf("%s", line)
			}
			if fakenode.Denied(client) {
				blocked++
			}
		case "stop":
			running--
			if last := i >= len(log)-8; running < 8 && !last {
				t.Errorf("after event %d, %d streams run", i, running)
			}
		}
	}
	if running != 0 || blocked != 12 || len(log) != 48 {
		t.Errorf("%d events, %d of them starts of blocked streams, %d streams left", len(log), blocked, running)
	}
	if c := l.tally; c.UDP.Leaked+c.UDP.Lost+c.TCP.Leaked+c.TCP.Lost > 0 || c.UDP.MustPass == 0 || c.TCP.MustPass == 0 || c.TCP.MustDrop == 0 {
		t.Errorf("counted %+v", c)
	}
}

// What leaks is found in the phase in which it leaked, by packets and by connections.
func TestLoadCountsByPhase(t *testing.T) {
	n := &fakenode.Node{RepairAfter: time.Hour}
	l := newLoad(n)
	var recorded []v1.Finding
	l.Record = into(&recorded)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := l.Under(t.Context(), "broken", func(ctx context.Context) error {
		return errors.Join(n.Run(ctx, "", "ipset", "flush"), flows.Pause(ctx, 100*time.Millisecond))
	})
	if err := errors.Join(err, l.End(t.Context())); err != nil {
		t.Fatal(err)
	}
	if l.tally.UDP.Leaked == 0 || l.tally.TCP.Leaked == 0 || l.tally.UDP.Lost+l.tally.TCP.Lost > 0 {
		t.Errorf("counted %+v", l.tally)
	}
	if diff := cmp.Diff(l.tally.Findings, recorded); diff != "" {
		t.Errorf("findings (-kept +recorded):\n%s", diff)
	}
	udp, tcp := 0, 0
	for _, f := range l.tally.Findings {
		if f.Phase != "broken" || f.What != "leaked" || f.Backend != "nft" || !strings.HasPrefix(f.Flow, "bad-") {
			t.Errorf("found %+v", f)
		}
		if f.Protocol == "UDP" {
			udp++
		} else {
			tcp++
		}
	}
	if udp != 4 || tcp == 0 {
		t.Errorf("%d findings of streams, one for each that leaked is 4; %d of connections", udp, tcp)
	}
}

// A client that can't connect any more is an error of the run, and no deny.
func TestLoadTellsOfDeadProber(t *testing.T) {
	n := &fakenode.Node{}
	l := newLoad(n)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := l.Under(t.Context(), "dead", func(ctx context.Context) error {
		n.Kill(badFar)
		return flows.Pause(ctx, 100*time.Millisecond)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context()); err == nil || !strings.Contains(err.Error(), "connect from bad-far: prober is gone") {
		t.Errorf("got %v", err)
	}
}

// Connections that a drift touched are a drift's.
func TestConnectDuringDrift(t *testing.T) {
	n := &fakenode.Node{}
	l := newLoad(n)
	c := &client{load: l, name: badNear}
	c.add(l.Drop[0], true, 1)
	before := l.Now()
	l.segment.Drift = true
	c.count(before, []probe.Observation{{Result: probe.Connected}}, nil)
	if l.tally.Drift.Leaked != 1 || l.tally.TCP.Leaked != 0 || len(l.tally.Findings) > 0 { // the streams show it with fewer words
		t.Errorf("counted %+v", l.tally)
	}
}
