package probe

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// forms are those of a target that a protocol and family have.
func forms(target Target) []Form {
	if target.Protocol == wire.ICMP {
		return []Form{FormND}
	}
	if target.Addr.Addr().Is6() {
		return []Form{FormForged, FormFragments, FormLinkLocal, FormOptions}
	}
	return []Form{FormForged, FormFragments, FormOptions}
}

// nobody is a source that no host of a test network has.
var nobody = map[string]netip.Addr{"ipv4": netip.MustParseAddr("203.0.113.9"), "ipv6": netip.MustParseAddr("2001:db8::9")}

// A packet of any form is seen by its receiver, with the source that it claims, and its absence
// is silence. Those that a filter drops are dropped in any form.
func TestForms(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	n.start()
	client, server := n.hosts[0], n.hosts[1]
	for _, family := range families {
		for _, protocol := range []string{wire.TCP, wire.UDP, wire.ICMP} {
			target := server.target(family, protocol, 400*time.Millisecond)
			if protocol == wire.ICMP {
				target.Addr = netip.AddrPortFrom(target.Addr.Addr(), 0)
				if family == "ipv4" {
					continue
				}
			}
			for _, target.Form = range forms(target) {
				t.Run(family+"/"+protocol+"/"+string(target.Form), func(t *testing.T) {
					n.checkForm(t, client, server, family, target)
				})
			}
		}
	}
}

func (n *network) checkForm(t *testing.T, client, server *host, family string, target Target) {
	t.Helper()
	target.From = netip.Addr{}
	if target.Form == FormForged {
		target.From = nobody[family]
	}
	o := n.probe(client, target)
	if !target.Form.Raw() {
		o.Receiver = server.name // whose receipt may come late to a machine that is busy
	}
	seen{Result: Connected, Answered: server.name, Receiver: server.name}.check(t, o)
	if target.From.IsValid() && o.Local != target.From {
		t.Errorf("left from %s, want %s", o.Local, target.From)
	}
	rule := "INPUT -p " + map[string]string{wire.TCP: "tcp --dport 80", wire.UDP: "udp --dport 80", wire.ICMP: "icmpv6 --icmpv6-type 135"}[target.Protocol]
	if target.From.IsValid() {
		rule = "INPUT -s " + target.From.String()
	}
	if target.Protocol == wire.ICMP {
		rule += " -m hl --hl-eq 255 -m length --length 70:200" // more than the kernel's own
	}
	server.iptables(family, "-I "+rule+" -j DROP")
	defer server.iptables(family, "-D "+rule+" -j DROP")
	o = n.probe(client, target)
	seen{Result: Dropped}.check(t, o)
	if o.Packets < 2 {
		t.Errorf("silence after %d packets", o.Packets)
	}
	if seen, err := output(server.ns, map[string]string{"ipv4": "iptables", "ipv6": "ip6tables"}[family], "-w", "-nvL", "INPUT"); err != nil || strings.Contains(seen, " 0     0 DROP") {
		t.Errorf("the rule saw nothing: %v\n%s", err, seen)
	}
}
