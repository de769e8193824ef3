package probe

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counters are the packets that each rule of the chain has met, in order.
func (h *host) counters(family, chain string) []uint64 {
	h.t.Helper()
	name := map[string]string{"ipv4": "iptables", "ipv6": "ip6tables"}[family]
	out, err := output(h.ns, name, "-w", "-nvxL", chain)
	must(h.t, err)
	var counts []uint64
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil {
			counts = append(counts, n)
		}
	}
	return counts
}

// until polls for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// countTo waits until rule number i of INPUT has met n packets.
func (h *host) countTo(family string, i int, n uint64) {
	h.t.Helper()
	until(h.t, fmt.Sprintf("rule %d of %s has met %d packets", i, h.name, n), func() bool {
		return h.counters(family, "INPUT")[i] >= n
	})
}

func (h *host) stream(family string, interval time.Duration) Stream {
	return Stream{Addr: netip.AddrPortFrom(h.ip[family], 80), Interval: interval, Bucket: 10 * time.Millisecond}
}

// A 1 kHz stream that is open, shut and open again: what was lost and what arrived is what
// the kernel's own counters say, to the datagram, and the hole is where it was.
func TestStreamThroughAGate(t *testing.T) {
	t.Parallel()
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			n := newNetwork(t, 2)
			n.start()
			client, server := n.hosts[0], n.hosts[1]
			// Rules are put in front of each other and never deleted, so that no
			// packet goes uncounted.
			const rule = " 1 -p udp --dport 80 -j "
			server.iptables(family, "-I INPUT"+rule+"ACCEPT")
			id, err := n.fleet.StartStream(t.Context(), client.name, server.stream(family, time.Millisecond))
			must(t, err)
			server.countTo(family, 0, 200)
			server.iptables(family, "-I INPUT"+rule+"DROP")
			server.countTo(family, 0, 200)
			server.iptables(family, "-I INPUT"+rule+"ACCEPT")
			server.countTo(family, 0, 200)
			report, err := n.fleet.StopStream(t.Context(), id)
			must(t, err)
			counts := server.counters(family, "INPUT")
			checkStream(t, report, counts[0]+counts[2], counts[1])
			if r := report.Receivers[0]; len(r.Spans) != 2 || r.Lost != counts[1] || r.Overflow != 0 {
				t.Errorf("want two spans, %d lost and no overflow: %+v", counts[1], r)
			}
		})
	}
}

func checkStream(t *testing.T, r StreamReport, received, lost uint64) {
	t.Helper()
	s := r.Sender
	if s.OutagesBeyond > 0 || len(s.Errors) > 0 {
		t.Logf("sender: %+v", s)
	}
	if len(r.Receivers) != 1 || r.Received != received || r.Lost != lost || s.Sent != received+lost || r.Duplicates != 0 || len(r.Unasked) != 0 {
		t.Fatalf("want %d received, %d lost: %+v", received, lost, r)
	}
	var inBuckets, lostInBuckets uint64
	for _, b := range r.Receivers[0].Buckets {
		inBuckets += b.Received
		lostInBuckets += b.Lost
	}
	// What was lost at the end, only the sender knows of.
	if r := r.Receivers[0]; inBuckets != received || lostInBuckets != r.Lost || s.Sent-r.Last-1 != lost-r.Lost {
		t.Errorf("buckets: %d received, %d lost, want %d and %d of %d", inBuckets, lostInBuckets, received, r.Lost, lost)
	}
	// The schedule is absolute: datagrams and missed ticks make up the time.
	if ticks := uint64((s.End-s.Start)/r.Stream.Interval) + 1; ticks < s.Sent+s.Missed || ticks > s.Sent+s.Missed+uint64(s.MaxLate/r.Stream.Interval)+1 {
		t.Errorf("%d ticks in %v, but %d sent and %d missed", ticks, s.End-s.Start, s.Sent, s.Missed)
	}
	if got := r.Receivers[0]; got.FirstAt < s.Start || got.LastAt < got.FirstAt || got.LastAt > Now() {
		t.Errorf("times out of order: sent from %v to %v, got from %v to %v", s.Start, s.End, got.FirstAt, got.LastAt)
	}
}

// A stream that is answered is established, for any filter.
func TestStreamEstablished(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		server.iptables(family, "-I INPUT 1 -p udp --dport 80 -m conntrack --ctstate ESTABLISHED -j ACCEPT")
		like := server.stream(family, time.Millisecond)
		like.Answered = true
		id, err := n.fleet.StartStream(t.Context(), client.name, like)
		must(t, err)
		server.countTo(family, 0, 50)
		r, err := n.fleet.StopStream(t.Context(), id)
		must(t, err)
		if counts := server.counters(family, "INPUT"); r.Lost > 0 || r.Received != r.Sender.Sent || counts[0] < r.Received-2 {
			t.Errorf("%s: %d established: %+v", family, counts[0], r)
		}
	}
}

// A stream may ask for its source port, and one that takes its place begins before it ends.
func TestStreamFromPort(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		server.iptables(family, "-I INPUT 1 -p udp --sport 53 --dport 80 -j ACCEPT")
		like := server.stream(family, time.Millisecond)
		like.From = 53
		var ids []StreamID
		for range 2 {
			id, err := n.fleet.StartStream(t.Context(), client.name, like)
			must(t, err)
			ids = append(ids, id)
		}
		server.countTo(family, 0, 20)
		for _, id := range ids {
			r, err := n.fleet.StopStream(t.Context(), id)
			must(t, err)
			if len(r.Receivers) != 1 || r.Received == 0 || r.Receivers[0].From.Port() != 53 || r.Sender.Local.Port() != 53 {
				t.Errorf("%s: %+v", family, r)
			}
		}
	}
}

// A stream that must not arrive, and a hole in the filter: each leak is found, with its
// time. Connection tracking never calls the stream established.
func TestStreamLeaks(t *testing.T) {
	t.Parallel()
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			n := newNetwork(t, 2)
			n.start()
			client, server := n.hosts[0], n.hosts[1]
			const rule = " 1 -p udp --dport 80 -j "
			server.iptables(family, "-I INPUT"+rule+"DROP")
			s := server.stream(family, time.Millisecond)
			s.Blocked = true
			id, err := n.fleet.StartStream(t.Context(), client.name, s)
			must(t, err)
			server.countTo(family, 0, 50)
			opened := Now()
			server.iptables(family, "-I INPUT"+rule+"ACCEPT")
			server.countTo(family, 0, 5)
			server.iptables(family, "-I INPUT"+rule+"DROP")
			closed := Now()
			server.iptables(family, "-I INPUT 1 -p udp -m conntrack --ctstate ESTABLISHED -j ACCEPT")
			server.countTo(family, 1, 50)
			report, err := n.fleet.StopStream(t.Context(), id)
			must(t, err)
			counts := server.counters(family, "INPUT")
			if counts[0] != 0 {
				t.Errorf("connection tracking has taken %d datagrams for established", counts[0])
			}
			checkStream(t, report, counts[2], counts[1]+counts[3])
			leaks := report.Receivers[0].Leaks
			if uint64(len(leaks)) != counts[2] {
				t.Errorf("%d leaks, want %d", len(leaks), counts[2])
			}
			for _, at := range leaks {
				// The receiver may be late to read.
				if at < opened || at > closed+time.Second {
					t.Errorf("leak at %v, but the hole was open from %v to %v", at, opened, closed)
				}
			}
		})
	}
}
