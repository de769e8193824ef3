package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// signalTo sends a signal to the prober of that name.
func (n *network) signalTo(h *host, s syscall.Signal) {
	n.t.Helper()
	p, err := n.fleet.prober(h.name)
	must(n.t, err)
	must(n.t, p.stream.(*process).cmd.Process.Signal(s))
}

// outcome is what Probe returned.
type outcome struct {
	obs []Observation
	err error
}

// probing calls Probe and goes on.
func (n *network) probing(ctx context.Context, client *host, ts ...Target) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		obs, err := n.fleet.Probe(ctx, client.name, ts)
		done <- outcome{obs, err}
	}()
	return done
}

// stop stops the prober of that name and waits until all its threads are.
func (n *network) stop(h *host) {
	n.t.Helper()
	n.signalTo(h, syscall.SIGSTOP)
	p, err := n.fleet.prober(h.name)
	must(n.t, err)
	until(n.t, h.name+" is stopped", func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.stream.(*process).cmd.Process.Pid))
		must(n.t, err)
		return !slices.ContainsFunc(stats, func(file string) bool {
			stat, err := os.ReadFile(file)
			must(n.t, err)
			_, rest, _ := strings.Cut(string(stat), ") ")
			return !strings.HasPrefix(rest, "T")
		})
	})
}

// A prober that is killed in the middle of a round: each target has its observation, at
// once, and none of them is a block. It comes back by itself, and the fleet knows when it
// was away.
func TestProberIsKilled(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	server.iptables("ipv4", "-A INPUT -p tcp --dport 80 -j DROP")
	target := server.target("ipv4", wire.TCP, time.Minute)
	begin := Now()
	r := n.probing(t.Context(), client, target, target, target)
	server.countTo("ipv4", 0, 3)
	n.signalTo(client, syscall.SIGKILL)
	got := <-r
	must(t, got.err)
	for _, o := range got.obs {
		if o.Result != Inconclusive || !strings.Contains(o.Err, "ended") {
			t.Errorf("got %+v, want %s", o, Inconclusive)
		}
	}
	if took := Now() - begin; took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if err := n.fleet.Interrupted(client.name, begin, Now()); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("interrupted: %v, want why", err)
	}
	until(t, "it is back", func() bool { return n.fleet.Err(client.name) == nil })
	back := Now()
	if o := n.probe(client, server.target("ipv6", wire.TCP, long)); o.Result != Connected {
		t.Errorf("when it was back: %+v, want %s", o, Connected)
	}
	if err := n.fleet.Interrupted(client.name, begin, begin); err == nil {
		t.Error("the gap was forgotten when the prober was back")
	}
	if err := n.fleet.Interrupted(client.name, back, Now()); err != nil {
		t.Errorf("interrupted after it was back: %v", err)
	}
	if err := n.fleet.Interrupted(server.name, 0, Now()); err != nil {
		t.Errorf("the other prober: %v", err)
	}
}

func TestUnknownProber(t *testing.T) {
	obs, err := NewFleet().Probe(t.Context(), "x/z", []Target{{Cell: 7}, {Cell: 8}})
	if err != nil || len(obs) != 2 || obs[0].Cell != 7 || obs[1].Cell != 8 {
		t.Fatalf("got %+v, %v", obs, err)
	}
	for _, o := range obs {
		if o.Result != Inconclusive || o.Err != "no prober x/z" {
			t.Errorf("got %+v, want %s", o, Inconclusive)
		}
	}
}

// A round whose context ends is complete all the same.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	server.iptables("ipv4", "-A INPUT -p udp --dport 80 -j DROP")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := n.probing(ctx, client, server.target("ipv4", wire.UDP, time.Minute), server.target("ipv6", wire.UDP, long))
	server.countTo("ipv4", 0, 1)
	cancel()
	got := <-r
	if !errors.Is(got.err, context.Canceled) || len(got.obs) != 2 {
		t.Fatalf("error %v with %+v, want %v", got.err, got.obs, context.Canceled)
	}
	if o := got.obs[0]; o.Result != Inconclusive || !strings.Contains(o.Err, "canceled") {
		t.Errorf("got %+v, want %s", o, Inconclusive)
	}
}

// A prober that does not get the CPU must not take its own absence for silence; an answer
// that came in the meantime counts.
func TestStarvedProber(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		filter string
		want   Result
		err    string
	}{
		{"nothing came", "DROP", Inconclusive, "starved"},
		{"an answer came", "ACCEPT", Connected, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newNetwork(t, 2)
			n.start()
			client, server := n.hosts[0], n.hosts[1]
			server.iptables("ipv4", "-A INPUT -p udp --dport 80 -j "+tc.filter)
			n.stop(server)
			const timeout = 4 * time.Second
			r := n.probing(t.Context(), client, server.target("ipv4", wire.UDP, timeout))
			server.countTo("ipv4", 0, 1)
			n.stop(client)
			n.signalTo(server, syscall.SIGCONT)
			stopped := Now()
			until(t, "the deadline is long past", func() bool { return Now() > stopped+timeout+time.Second })
			n.signalTo(client, syscall.SIGCONT)
			got := <-r
			must(t, got.err)
			o := got.obs[0]
			if o.Result != tc.want || !strings.Contains(o.Err, tc.err) {
				t.Errorf("got %+v, want %s %s", o, tc.want, tc.err)
			}
		})
	}
}

// A receiver that does not get the CPU makes a TCP probe Inconclusive: the kernel has
// shaken hands.
func TestStarvedReceiver(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	n.stop(server)
	o := n.probe(client, server.target("ipv4", wire.TCP, short))
	if o.Result != Inconclusive || !strings.Contains(o.Err, "handshake completed") {
		t.Errorf("got %+v, want %s", o, Inconclusive)
	}
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if err := n.fleet.Ping(ctx, server.name); err == nil {
		t.Error("a stopped prober has a heartbeat")
	}
	n.signalTo(server, syscall.SIGCONT)
	must(t, n.fleet.Ping(t.Context(), server.name))
	until(t, "the receipt is there", func() bool { _, ok := n.fleet.Receipt(o.Nonce); return ok })
	if r, _ := n.fleet.Receipt(o.Nonce); r.Receiver != server.name || r.At <= o.Done {
		t.Errorf("receipt %+v, want one of %s after %v", r, server.name, o.Done)
	}
}

// Connection tracking that drops what it calls invalid lets all probes through, also the
// hand-made SCTP.
func TestNothingIsInvalid(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		for _, h := range n.hosts {
			for _, chain := range []string{"INPUT", "OUTPUT"} {
				h.iptables(family, "-A "+chain+" -m conntrack --ctstate INVALID -j DROP")
			}
		}
		for _, protocol := range protocols {
			target := server.target(family, protocol, long)
			if o := n.probe(client, target); o.Result != Connected {
				t.Errorf("%s %s: %+v, want %s", family, protocol, o, Connected)
			}
		}
	}
	abort := server.target("ipv4", wire.SCTP, long)
	abort.Addr = netip.AddrPortFrom(abort.Addr.Addr(), 99)
	if o := n.probe(client, abort); o.Result != Refused {
		t.Errorf("SCTP to a port that nobody listens on: %+v, want %s", o, Refused)
	}
}

func TestPortIsTaken(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	n.start()
	h := n.hosts[0]
	other := &host{t: t, name: "x/other", ns: h.ns}
	err := n.fleet.Add(t.Context(), other.name, other.dial("80/tcp"))
	if err == nil || !strings.Contains(err.Error(), "listen on 80/tcp over ipv4") {
		t.Errorf("error %v, want one that names the port", err)
	}
}
