// Package fakenode is a server's node in memory, with the probers there and an enforcer that
// repairs it, for tests of what watches flows whose verdict never changes.
//
// It must never be imported by anything but tests.
package fakenode

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
)

// Node is the server's node with an enforcer that repairs it, and the probers there: a
// blocked flow gets through from the destruction of a rule to its repair.
type Node struct {
	RepairAfter time.Duration

	mu      sync.Mutex
	dead    string // a client whose prober fails
	ran     []string
	holes   []flows.Interval
	streams map[probe.StreamID]stream
	last    probe.StreamID
	log     []string // of streams: start and stop, by client
}

type stream struct {
	client string
	stream probe.Stream
	at     time.Duration
}

// Kill makes the prober of a client fail from now on.
func (n *Node) Kill(client string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead = client
}

// Ran are the commands that were run.
func (n *Node) Ran() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ran)
}

// Log are the starts and stops of streams, by client: "start bad-near blocked=true".
func (n *Node) Log() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.log)
}

// Running is how many streams run.
func (n *Node) Running() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.streams)
}

// Name is the node's.
func (n *Node) Name() string { return "node-1" }

// Run destroys something.
func (n *Node) Run(_ context.Context, _ string, argv ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ran = append(n.ran, strings.Join(argv, " "))
	n.holes = append(n.holes, flows.Interval{From: probe.Now(), To: probe.Now() + n.RepairAfter})
	return nil
}

func (n *Node) open(t time.Duration) bool {
	for _, h := range n.holes {
		if h.From <= t && t < h.To {
			return true
		}
	}
	return false
}

// Denied reports whether a client is one that may reach nobody: its name says so.
func Denied(client string) bool { return strings.HasPrefix(client, "bad") }

// Probe connects at once.
func (n *Node) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if client == n.dead {
		return nil, errors.New("prober is gone")
	}
	var out []probe.Observation
	for _, t := range ts {
		now := probe.Now()
		o := probe.Observation{Cell: t.Cell, Result: probe.Connected, Sent: now, Done: now}
		if Denied(client) && !n.open(now) {
			o.Result = probe.Dropped
		}
		out = append(out, o)
	}
	return out, ctx.Err()
}

// StartStream starts a stream.
func (n *Node) StartStream(_ context.Context, client string, s probe.Stream) (probe.StreamID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.streams == nil {
		n.streams = map[probe.StreamID]stream{}
	}
	n.last++
	n.streams[n.last] = stream{client, s, probe.Now()}
	n.log = append(n.log, fmt.Sprintf("start %s blocked=%t", client, s.Blocked))
	return n.last, nil
}

// StopStream says what became of a stream's packets.
func (n *Node) StopStream(_ context.Context, id probe.StreamID) (probe.StreamReport, error) {
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
		if !Denied(s.client) || n.open(t) {
			got.Arrive(r.Sender.Sent, t)
		}
		r.Sender.Sent++
	}
	if seen := got.Report(); seen.Received > 0 {
		r.Receivers, r.Received = []probe.Received{{Receiver: "server", ReceiverReport: seen}}, seen.Received
	}
	r.Lost = r.Sender.Sent - r.Received
	return r, nil
}

// Flows are those of clients to the server, in each family.
func Flows(clients ...string) []flows.Flow {
	var from []probe.Pod
	for _, name := range clients {
		from = append(from, probe.Pod{Name: name})
	}
	to := probe.Pod{Name: "server", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}}
	return flows.To(to, 80, from...)
}
