package probe

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// firstOfFlow is a match for the first packet that each flow sends, and for no other.
func firstOfFlow(name string) string {
	return "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip,srcport,dstip,dstport" +
		" --hashlimit-htable-expire 600000 --hashlimit-name " + name
}

// A filter that drops the first packet of each flow, or of its answers, denies nothing: a
// plain connect succeeds, at the kernel's second SYN. The probe must say so, whatever its
// timeout. Without its own second packet it would see silence.
func TestFirstPacketDropped(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, rule := range []string{"INPUT -p P --dport 80", "OUTPUT -p P --sport 80"} {
		inEach(t, rule[:6]+"/", func(t *testing.T, family, protocol string) {
			p := strings.ToLower(protocol)
			rule := strings.Replace(rule, "-p P", "-p "+p, 1) + " " + firstOfFlow(p+family[3:]) + " -j DROP"
			server.iptables(family, "-A "+rule)
			defer server.iptables(family, "-D "+rule)
			for _, timeout := range []time.Duration{400 * time.Millisecond, time.Second} {
				target := server.target(family, protocol, timeout)
				o := n.probe(client, target)
				seen{Result: Connected, Answered: server.name, Receiver: server.name}.check(t, o)
				target.Bare = protocol == wire.TCP
				if o := n.probe(client, target); o.Result != Connected || o.Packets < 2 || o.Done-o.Sent < timeout/32 {
					t.Errorf("timeout %v, bare %v: %+v", timeout, target.Bare, o)
				}
			}
		})
	}
}

// Silence is what follows at least two packets of one flow. The server's own rules count
// them: the first of each flow, and the others.
func TestSilenceTakesSeveralPackets(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	inEach(t, "", func(t *testing.T, family, protocol string) {
		p := strings.ToLower(protocol)
		rule := "INPUT -p " + p + " --dport 80 "
		for _, r := range []string{rule + firstOfFlow(p+family[3:]) + " -j DROP", rule + "-j DROP"} {
			server.iptables(family, "-A "+r)
			defer server.iptables(family, "-D "+r)
		}
		target := server.target(family, protocol, 400*time.Millisecond)
		until(t, "silence after several packets", func() bool { // a busy machine lets too few be sent
			flows, others := server.counted(family, p)
			obs, err := n.fleet.Probe(t.Context(), client.name, []Target{target})
			must(t, err)
			flows2, others2 := server.counted(family, p)
			if o := obs[0]; flows2-flows != 1 || others2-others != o.Packets-1 || o.Result == Connected {
				t.Errorf("%d flows arrived, and %d packets besides: %+v", flows2-flows, others2-others, o)
			}
			return obs[0].Result == Dropped && obs[0].Packets >= 2
		})
	})
}

// A filter that gives way at the third SYN only is seen by some connections of many.
func TestThirdSYN(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			first := strings.Replace(firstOfFlow("third"+family[3:]), "--hashlimit-burst 1", "--hashlimit-burst 2", 1)
			server.iptables(family, "-A INPUT -p tcp --dport 80 "+first+" -j DROP")
			many := make([]Target, 200)
			for i := range many {
				many[i] = server.target(family, wire.TCP, time.Second)
			}
			third := 0
			for _, o := range n.unstarved(client, many...) {
				if o.Result == Connected {
					third++
				}
				if want := map[Result]int{Connected: 3, Dropped: 2}[o.Result]; o.Packets != want {
					t.Errorf("want %d packets: %+v", want, o)
				}
			}
			if third == 0 || third > len(many)/3 {
				t.Errorf("%d of %d connections sent three SYNs", third, len(many))
			}
		})
	}
}

// counted is the packets that the two rules of the protocol have dropped.
func (h *host) counted(family, protocol string) (first, others int) {
	h.t.Helper()
	name := map[string]string{"ipv4": "iptables-save", "ipv6": "ip6tables-save"}[family]
	out, err := output(h.ns, name, "-c", "-t", "filter")
	must(h.t, err)
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "-A INPUT -p "+protocol) {
			continue
		}
		packets, _, _ := strings.Cut(strings.TrimPrefix(line, "["), ":")
		count, err := strconv.Atoi(packets)
		must(h.t, err)
		if strings.Contains(line, "hashlimit") {
			first += count
		} else {
			others += count
		}
	}
	return first, others
}

// Hundreds of probes at a time can all send again: their ports are shared by
// flows to other ends.
func TestManySendAgain(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			var ts []Target
			for _, family := range families {
				rule := fmt.Sprintf("INPUT -p %s --dport 1000:1999 -j DROP", strings.ToLower(protocol))
				server.iptables(family, "-A "+rule)
				defer server.iptables(family, "-D "+rule)
				for i := range 200 {
					addr := netip.AddrPortFrom(server.ip[family], uint16(1000+i))
					ts = append(ts, Target{Addr: addr, Protocol: protocol, Timeout: time.Second})
				}
			}
			for i, o := range n.unstarved(client, ts...) {
				if o.Result != Dropped || o.Packets < 2 {
					t.Fatalf("%v: %+v", ts[i].Addr, o)
				}
			}
		})
	}
}
