package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
)

// poll is the pace of what a test waits for.
const poll = 5 * time.Millisecond

// fakeNode is the server's node with an enforcer that repairs it, and the probers there: a
// blocked flow gets through from the destruction of a rule to its repair.
type fakeNode struct {
	repairAfter time.Duration
	dead        string // a client whose prober fails

	mu      sync.Mutex
	ran     []string
	holes   []flows.Interval
	streams map[probe.StreamID]fakeStream
	last    probe.StreamID
	log     []string // of streams: start and stop, by client
}

type fakeStream struct {
	client string
	stream probe.Stream
	at     time.Duration
}

func (n *fakeNode) Name() string { return "node-1" }

// Run destroys something.
func (n *fakeNode) Run(_ context.Context, _ string, argv ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ran = append(n.ran, strings.Join(argv, " "))
	n.holes = append(n.holes, flows.Interval{From: probe.Now(), To: probe.Now() + n.repairAfter})
	return nil
}

func (n *fakeNode) open(t time.Duration) bool {
	for _, h := range n.holes {
		if h.From <= t && t < h.To {
			return true
		}
	}
	return false
}

// denied are the addresses' clients by name.
func denied(client string) bool { return strings.HasPrefix(client, "bad") }

func (n *fakeNode) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if client == n.dead {
		return nil, errors.New("prober is gone")
	}
	var out []probe.Observation
	for _, t := range ts {
		now := probe.Now()
		o := probe.Observation{Cell: t.Cell, Result: probe.Connected, Sent: now, Done: now}
		if denied(client) && !n.open(now) {
			o.Result = probe.Dropped
		}
		out = append(out, o)
	}
	return out, ctx.Err()
}

func (n *fakeNode) StartStream(_ context.Context, client string, s probe.Stream) (probe.StreamID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.streams == nil {
		n.streams = map[probe.StreamID]fakeStream{}
	}
	n.last++
	n.streams[n.last] = fakeStream{client, s, probe.Now()}
	n.log = append(n.log, fmt.Sprintf("start %s blocked=%t", client, s.Blocked))
	return n.last, nil
}

func (n *fakeNode) StopStream(_ context.Context, id probe.StreamID) (probe.StreamReport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.streams[id]
	if !ok {
		return probe.StreamReport{}, errors.New("no such stream")
	}
	delete(n.streams, id)
	n.log = append(n.log, "stop "+s.client)
	r := probe.StreamReport{Client: s.client, Stream: s.stream, Sender: wire.SenderReport{Start: s.at, End: probe.Now()}}
	got := seq.New(seq.Options{Bucket: 100 * time.Millisecond})
	for t := s.at; t < r.Sender.End; t += s.stream.Interval {
		if !denied(s.client) || n.open(t) {
			got.Arrive(r.Sender.Sent, t)
		}
		r.Sender.Sent++
	}
	if seen := got.Report(); seen.Received > 0 {
		r.Receivers, r.Received = []probe.Received{{Receiver: server, ReceiverReport: seen}}, seen.Received
	}
	r.Lost = r.Sender.Sent - r.Received
	return r, nil
}

// newLoad is the load of a run against a fake node.
func newLoad(n *fakeNode) *load {
	pods := func(names ...string) (out []probe.Pod) {
		for _, name := range names {
			out = append(out, probe.Pod{Name: name})
		}
		return out
	}
	to := probe.Pod{Name: server, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}}
	return &load{
		record:  func(...v1.Record) {},
		backend: "nft", timing: Timing{Interval: time.Millisecond, Connect: time.Second},
		watcher: flows.Watcher{Fleet: n, Silence: time.Millisecond, Deadline: 10 * time.Second},
		pass:    flows.To(to, port, pods(near, far)...), drop: flows.To(to, port, pods(badNear, badFar)...),
	}
}

// fakeEnforcer keeps what happened to it.
type fakeEnforcer struct {
	name    string
	running bool
	log     *[]string
	err     error // of its start
}

func (e *fakeEnforcer) node() string { return e.name }

func (e *fakeEnforcer) start() error {
	e.running = e.err == nil
	*e.log = append(*e.log, "start "+e.name)
	return e.err
}

func (e *fakeEnforcer) end(_ context.Context, sig os.Signal) error {
	if !e.running {
		return errors.New("ended twice")
	}
	e.running = false
	*e.log = append(*e.log, fmt.Sprintf("%v %s", sig, e.name))
	return nil
}

func (e *fakeEnforcer) ready(context.Context) error {
	if !e.running {
		return errors.New("not running")
	}
	*e.log = append(*e.log, "ready "+e.name)
	return nil
}

// newEnforcers run already.
func newEnforcers() (all enforcers, log *[]string) {
	log = &[]string{}
	for _, name := range []string{"node-1", "node-2"} {
		all = append(all, &fakeEnforcer{name: name, running: true, log: log})
	}
	return all, log
}

func newJournal() *journal { return journalOf(&v1.ChaosRun{}) }

// journalOf is in a phase, and records into run.
func journalOf(run *v1.ChaosRun) *journal {
	return &journal{result: &v1.Backend{Backend: "nft"}, record: into(run), tell: func(string) {}, edits: func() int { return 0 }, phase: "a phase"}
}

// into puts records into run.
func into(run *v1.ChaosRun) func(...v1.Record) {
	return func(all ...v1.Record) {
		for _, r := range all {
			if err := run.Add(r); err != nil {
				panic(err)
			}
		}
	}
}
