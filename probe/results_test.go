package probe

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe/wire"
)

// short is a timeout for probes that shall time out; long is one that must not.
const (
	short = 250 * time.Millisecond
	long  = 10 * time.Second
)

// seen is what of an observation a test can know beforehand.
type seen struct {
	Result   Result
	Answered string
	Receiver string
	Err      string // a part of it
}

func (s seen) check(t *testing.T, o Observation) {
	t.Helper()
	got := seen{Result: o.Result, Answered: o.Answered, Receiver: o.Receiver, Err: o.Err}
	if strings.Contains(got.Err, s.Err) && s.Err != "" {
		got.Err = s.Err
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Errorf("observation (-want +got):\n%s%+v", d, o)
	}
	if !o.Local.IsValid() || o.LocalPort == 0 || o.Nonce == 0 || o.Done < o.Sent || o.Sent <= 0 {
		t.Errorf("incomplete observation: %+v", o)
	}
}

// Each result, by a real rule, on each family and protocol. A rule is for the server's
// namespace, P stands for the protocol.
func TestResults(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, tc := range []struct {
		name    string
		rule    string
		timeout time.Duration
		want    func(family, protocol string) seen
	}{
		{"open", "", long, func(_, _ string) seen {
			return seen{Result: Connected, Answered: server.name, Receiver: server.name}
		}},
		{"dropped on the way in", "INPUT -p P --dport 80 -j DROP", short, func(_, _ string) seen {
			return seen{Result: Dropped}
		}},
		{"gets in, answer dropped", "OUTPUT -p P --sport 80 -j DROP", short, func(_, _ string) seen {
			return seen{Result: Dropped, Receiver: server.name}
		}},
		{"rejected", "INPUT -p P --dport 80 -j REJECT", long, func(_, _ string) seen {
			return seen{Result: Refused, Err: "ECONNREFUSED"}
		}},
		{"rejected as prohibited", "INPUT -p P --dport 80 -j REJECT --reject-with PROHIBITED", long, func(family, _ string) seen {
			errno := map[string]string{"ipv4": "EHOSTUNREACH", "ipv6": "EACCES"}[family]
			return seen{Result: Unreachable, Err: errno}
		}},
	} {
		inEach(t, tc.name+"/", func(t *testing.T, family, protocol string) {
			if tc.rule != "" {
				prohibited := map[string]string{"ipv4": "icmp-host-prohibited", "ipv6": "icmp6-adm-prohibited"}[family]
				rule := strings.NewReplacer("-p P", "-p "+strings.ToLower(protocol), "PROHIBITED", prohibited).Replace(tc.rule)
				server.iptables(family, "-A "+rule)
				defer server.iptables(family, "-D "+rule)
			}
			o := n.probe(client, server.target(family, protocol, tc.timeout))
			tc.want(family, protocol).check(t, o)
			if o.Result == Dropped && o.Done-o.Sent < tc.timeout {
				t.Errorf("dropped after %v, before the timeout of %v", o.Done-o.Sent, tc.timeout)
			}
		})
	}
}

// A large payload needs all its fragments or segments.
func TestLargePayloads(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, tc := range []struct {
		name, rule  string
		size        int
		small, want Result
	}{
		{"600 bytes", "", 600, Connected, Connected},
		{"in fragments", "", 4000, Connected, Connected},
		{"large packets dropped", "INPUT -m length --length 1000:65535 -j DROP", 4000, Connected, Dropped},
		{"all dropped", "INPUT -j DROP", 4000, Dropped, Dropped},
	} {
		inEach(t, tc.name+"/", func(t *testing.T, family, protocol string) {
			if protocol == wire.SCTP {
				return
			}
			if tc.rule != "" {
				rule := strings.Replace(tc.rule, "INPUT", "INPUT -p "+strings.ToLower(protocol), 1)
				server.iptables(family, "-A "+rule)
				defer server.iptables(family, "-D "+rule)
			}
			target := server.target(family, protocol, 2*short)
			small := n.probe(client, target)
			target.Size = tc.size
			large := n.probe(client, target)
			if small.Result != tc.small || large.Result != tc.want || large.Result == Dropped && large.Packets < 2 {
				t.Errorf("small %+v\nlarge %+v", small, large)
			}
		})
	}
}

// A held flow is one 5-tuple. It outlives a filter of new flows, is cut off by one of its own
// port, and is never opened again when its connection has come to an end.
func TestHeldFlows(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	inEach(t, "", func(t *testing.T, family, protocol string) {
		if protocol == wire.SCTP {
			return
		}
		target := server.target(family, protocol, 2*short)
		target.Flow = rand.Uint64() | 1
		if o := n.probe(client, target); o.Result != Inconclusive {
			t.Errorf("a flow that was never opened: %+v", o)
		}
		target.Open = true
		first := n.probe(client, target)
		target.Open = false
		second := n.probe(client, target)
		for _, o := range []Observation{first, second} {
			if o.Result != Connected || o.Answered != server.name || o.LocalPort != first.LocalPort {
				t.Errorf("open: %+v", o)
			}
		}
		rule := fmt.Sprintf("INPUT -p %s --sport %d -j DROP", strings.ToLower(protocol), first.LocalPort)
		server.iptables(family, "-A "+rule)
		if o := n.probe(client, target); o.Result != Dropped || o.Packets < 2 {
			t.Errorf("cut off: %+v", o)
		}
		server.iptables(family, "-D "+rule)
		for deadline := time.Now().Add(long); n.probe(client, target).Result != Connected; {
			if time.Now().After(deadline) {
				t.Fatal("the flow does not come back")
			}
		}
		reset := fmt.Sprintf("INPUT -p %s --sport %d -j REJECT", strings.ToLower(protocol), first.LocalPort)
		if protocol == wire.TCP {
			reset += " --reject-with tcp-reset"
		}
		server.iptables(family, "-A "+reset)
		// The kernel limits the ICMP errors that it sends, so that a first probe may be met by silence.
		o := n.probe(client, target)
		for deadline := time.Now().Add(long); o.Result == Dropped && time.Now().Before(deadline); {
			o = n.probe(client, target)
		}
		if o.Result != Refused {
			t.Errorf("reset: %+v", o)
		}
		server.iptables(family, "-D "+reset)
		target.Open = true
		want := map[string]Result{wire.TCP: Refused, wire.UDP: Connected}[protocol]
		if o := n.probe(client, target); o.Result != want {
			t.Errorf("after a reset: %+v", o)
		}
	})
}

// A filter that tires of a flow after a thousand packets has its chance within two seconds.
func TestHeldFlowCarriesMany(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	inEach(t, "", func(t *testing.T, family, protocol string) {
		if protocol == wire.SCTP {
			return
		}
		p := strings.ToLower(protocol)
		server.iptables(family, "-A INPUT -p "+p+" --dport 80 -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1000"+
			" --hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-htable-expire 600000 --hashlimit-name many"+p+family[3:]+" -j DROP")
		target := server.target(family, protocol, 2*short)
		target.Flow, target.Open = rand.Uint64()|1, true
		if o := n.probe(client, target); o.Result != Connected {
			t.Errorf("open: %+v", o)
		}
		target.Open = false
		until(t, "the flow is dropped", func() bool { return n.probe(client, target).Result == Dropped })
	})
}

func TestEcho(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for family, icmp := range map[string]string{"ipv4": "icmp --icmp-type echo-request", "ipv6": "icmpv6 --icmpv6-type echo-request"} {
		target := Target{Addr: netip.AddrPortFrom(server.ip[family], 0), Protocol: wire.ICMP, Timeout: long}
		if o := n.probe(client, target); o.Result != Connected {
			t.Errorf("%s: %+v", family, o)
		}
		target.Timeout = short
		server.iptables(family, "-A INPUT -p "+icmp+" -j DROP")
		if o := n.probe(client, target); o.Result != Dropped || o.Packets < 2 {
			t.Errorf("%s, dropped: %+v", family, o)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	inEach(t, "", func(t *testing.T, family, protocol string) {
		target := Target{Addr: netip.AddrPortFrom(server.ip[family], 99), Protocol: protocol, Timeout: long}
		if o := n.probe(client, target); o.Result != Refused {
			t.Errorf("got %+v, want %s", o, Refused)
		}
	})
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	n.start()
	for _, addr := range []string{"10.99.0.1", "fd99::1"} {
		for _, protocol := range protocols {
			t.Run(addr+"/"+protocol, func(t *testing.T) {
				target := Target{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 80), Protocol: protocol, Timeout: long}
				o := n.probe(n.hosts[0], target)
				if o.Result != Unreachable || !strings.Contains(o.Err, "ENETUNREACH") {
					t.Errorf("got %+v, want %s, ENETUNREACH", o, Unreachable)
				}
			})
		}
	}
}

// A filter on the client's own machine makes send fail with EPERM: that is a drop.
func TestDroppedAtHome(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		client.iptables(family, "-A OUTPUT -d "+server.ip[family].String()+" -j DROP")
		for _, protocol := range protocols {
			t.Run(family+"/"+protocol, func(t *testing.T) {
				if o := n.probe(client, server.target(family, protocol, short)); o.Result != Dropped {
					t.Errorf("got %+v, want %s", o, Dropped)
				}
			})
		}
	}
}

// A target that can't be probed is Inconclusive, and does not disturb the others.
func TestBadTargets(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	good := server.target("ipv4", wire.TCP, long)
	ts := []Target{
		{Cell: 1, Protocol: wire.TCP, Timeout: long},
		{Cell: 2, Addr: good.Addr, Protocol: "ICMP", Timeout: long},
		{Cell: 3, Addr: good.Addr, Protocol: wire.TCP},
		{Cell: 4, Addr: good.Addr, Protocol: wire.TCP, Timeout: long, From: netip.MustParseAddr("fd77::1")},
		good,
	}
	obs, err := n.fleet.Probe(t.Context(), client.name, ts)
	must(t, err)
	for i, want := range []Result{Inconclusive, Inconclusive, Inconclusive, Inconclusive, Connected} {
		if obs[i].Cell != ts[i].Cell || obs[i].Result != want || (want == Inconclusive) != (obs[i].Err != "") {
			t.Errorf("target %d: %+v, want cell %d %s", i, obs[i], ts[i].Cell, want)
		}
	}
}

// A machine that has a whole range can probe from, and answer at, each address of it.
func TestProbeFromAnAddressOfARange(t *testing.T) {
	n := newNetwork(t, 2)
	n.start()
	world, host := n.hosts[0], n.hosts[1]
	ranges := map[string]string{"ipv4": "198.51.100.0/24", "ipv6": "2001:db8::/32"}
	must(t, world.ns.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0o644)
	}))
	for family, r := range ranges {
		must(t, run(world.ns, "ip", "route", "add", "local", r, "dev", "lo"))
		must(t, run(host.ns, "ip", "route", "add", r, "via", world.ip[family].String()))
	}
	inEach(t, "", func(t *testing.T, family, protocol string) {
		addr := netip.MustParsePrefix(ranges[family]).Addr() // the first: nothing is special about it
		out := host.target(family, protocol, long)
		out.From = addr
		o := n.probe(world, out)
		seen{Result: Connected, Answered: host.name, Receiver: host.name}.check(t, o)
		if o.Local != addr {
			t.Errorf("probed from %s, want %s", o.Local, addr)
		}
		in := world.target(family, protocol, long)
		in.Addr = netip.AddrPortFrom(addr, in.Addr.Port())
		seen{Result: Connected, Answered: world.name, Receiver: world.name}.check(t, n.probe(host, in))
	})
}

// A bare target needs no prober: a handshake does for TCP. The receiver's SYN is evidence
// all the same.
func TestBare(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		target := server.target(family, wire.TCP, long)
		target.Bare = true
		if o := n.probe(client, target); o.Result != Connected || o.Answered != "" {
			t.Errorf("%s: %+v, want %s", family, o, Connected)
		}
		server.iptables(family, "-A OUTPUT -p tcp --sport 80 -j DROP")
		target.Timeout = short
		seen{Result: Dropped, Receiver: server.name}.check(t, n.probe(client, target))
	}
}

// SYNs of one source port to two servers at a time: each is evidence of its own probe only.
func TestEvidenceIsNotMixedUp(t *testing.T) {
	b := newBook()
	from := netip.MustParseAddrPort("10.0.0.1:40000")
	one, two := netip.MustParseAddrPort("10.0.0.2:80"), netip.MustParseAddrPort("10.0.0.3:80")
	same := func(t time.Duration) time.Duration { return t }
	b.add("x/two", same, []wire.Receipt{{Kind: wire.ReceiptSYN, From: from, To: two.Addr(), Port: 80, Protocol: wire.TCP, At: time.Second}})
	for _, tc := range []struct {
		to       netip.AddrPort
		sent     time.Duration
		protocol string
		want     string
	}{
		{two, time.Second, wire.TCP, "x/two"},
		{one, time.Second, wire.TCP, ""},
		{two, time.Second, wire.SCTP, ""},
		{netip.AddrPortFrom(two.Addr(), 81), time.Second, wire.TCP, ""},
		{two, 2 * time.Second, wire.TCP, ""}, // an older probe's
	} {
		o := Observation{To: tc.to, Protocol: tc.protocol, Local: from.Addr(), LocalPort: from.Port(), Nonce: 1, Sent: tc.sent, Done: tc.sent + time.Second}
		got, _ := b.find(&o)
		if got.Receiver != tc.want {
			t.Errorf("%s %s sent at %v: receiver %q, want %q", tc.to, tc.protocol, tc.sent, got.Receiver, tc.want)
		}
	}
}

// A matrix full of drops costs one timeout, and no probe is confused with another.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	server.iptables("ipv4", "-A INPUT -s "+client.ip["ipv4"].String()+" -j DROP")
	// Long enough that a machine that is busy with other things starves nobody.
	const timeout = 2 * time.Second
	var ts []Target
	for i := range 1500 {
		family := families[i%2]
		target := server.target(family, protocols[i%3], map[string]time.Duration{"ipv4": timeout, "ipv6": long}[family])
		target.Cell = i
		ts = append(ts, target)
	}
	begin := Now()
	obs := n.unstarved(client, ts...)
	if took := Now() - begin; took > 50*timeout {
		t.Errorf("%d drops of %v each took %v: one after the other?", len(ts)/2, timeout, took)
	}
	ports := map[string]int{}
	for i, o := range obs {
		want := map[string]Result{"ipv4": Dropped, "ipv6": Connected}[families[i%2]]
		if o.Cell != i || o.Result != want || (o.Receiver != "") != (want == Connected) {
			t.Errorf("target %d: %+v, want %s", i, o, want)
		}
		ports[netip.AddrPortFrom(o.Local, o.LocalPort).String()+ts[i].Protocol]++
	}
	for port, times := range ports {
		if times > 1 {
			t.Errorf("source port %s was used %d times", port, times)
		}
	}
}
