package gen

import (
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// wide and narrow are prefixes that nest around the addresses of pods, nodes and outside
// hosts, in canonical and in odd spellings.
var (
	wide4   = []string{"0.0.0.0/0", "1.2.3.4/0", "0.0.0.0/1", "10.0.0.0/8", "10.0.0.0/22", "192.168.0.0/16", "203.0.113.0/24", "203.0.113.77/25", "010.0.0.0/16", "::ffff:10.0.0.0/104"}
	narrow4 = []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.1.2/31", "10.0.2.0/29", "10.0.3.5/32", "10.0.1.4/30", "192.168.0.1/32", "192.168.0.2/31", "203.0.113.64/26", "203.0.113.8/32", "010.000.001.000/25", "::ffff:10.0.2.0/125"}
	wide6   = []string{"::/0", "::1/0", "8000::/1", "fd00::/8", "fd00:0010::/32", "2001:db8::/32", "2001:DB8::5/48", "3fff::/20"}
	narrow6 = []string{"fd00:10:1::/48", "fd00:10:2::/48", "fd00:10:1::2/127", "fd00:10:3::/125", "fd00:1::1/128", "fd00:1::2/127", "2001:db8::8/125", "2001:db8::9/128"}
)

// outside are addresses that belong to nobody in the cluster, at the edges of the prefixes.
var (
	outside4 = []string{"203.0.113.0", "203.0.113.8", "203.0.113.63", "203.0.113.64", "203.0.113.127", "203.0.113.128", "198.51.100.1", "10.0.1.250", "10.1.0.0", "9.255.255.255", "8.16.0.1"}
	outside6 = []string{"2001:db8::7", "2001:db8::8", "2001:db8::9", "2001:db8::f", "2001:db8::10", "64:ff9b::1", "3fff::1", "fd00:10:1::fff0", "fc00::1"}
)

// block draws an ipBlock whose excepts usually lie inside it, as the API demands, and may
// be nested, overlapping, outside of it, or all of it.
func (g *generator) block() *netv1.IPBlock {
	wide, narrow := wide4, narrow4
	if !g.stack.v4 || g.stack.v6 && g.Chance(50) {
		wide, narrow = wide6, narrow6
	}
	b := &netv1.IPBlock{CIDR: Pick(g, wide...)}
	if g.Chance(35) {
		b.CIDR = Pick(g, narrow...)
	}
	for range Pick(g, 0, 0, 1, 1, 2, 4) {
		b.Except = append(b.Except, Pick(g, narrow...))
	}
	if g.Chance(8) {
		b.Except = append(b.Except, b.CIDR)
	}
	if g.invalid && g.Chance(15) {
		bad := Pick(g, "10.0.0.0/33", "10.0.0.0", "", "everything", "fe80::1%eth0/64")
		if g.Chance(50) {
			b.CIDR = bad
		} else {
			b.Except = append(b.Except, bad)
		}
	}
	if g.stack.v6 && g.Chance(4) { // so many holes that their union cannot be written out
		b.CIDR, b.Except = "::/0", nil
		for i := range 16 {
			b.Except = append(b.Except, netip.AddrFrom16([16]byte{0: byte(i << 4), 15: 1}).String()+"/128")
		}
		b.Except = append(b.Except, Pick(g, narrow6...))
	}
	return b
}

// flow draws a flow in which at least one end is a pod, most often both.
func (g *generator) flow(s *model.Snapshot) model.Flow {
	var pods, others4, others6 []netip.Addr
	for _, p := range s.Pods {
		if !p.HostNetwork {
			pods = append(pods, p.IPs...)
		}
	}
	for _, n := range s.Nodes {
		others4, others6 = split(n.IPs, others4, others6)
	}
	for _, text := range slices.Concat(outside4, outside6) {
		others4, others6 = split([]netip.Addr{netip.MustParseAddr(text)}, others4, others6)
	}
	if len(pods) == 0 {
		pods = []netip.Addr{others4[0], others6[0]}
	}
	one := Pick(g, pods...)
	pods4, pods6 := split(pods, nil, nil)
	same, foreign := pods4, others4
	if one.Is6() {
		same, foreign = pods6, others6
	}
	other := Pick(g, same...)
	if g.Chance(30) || other == one && g.Chance(90) {
		other = Pick(g, foreign...)
	}
	f := model.Flow{Client: one, Server: other, Protocol: protocols[g.IntN(3)], Port: g.port()}
	if g.Chance(50) {
		f.Client, f.Server = other, one
	}
	return g.aim(s, f)
}

// aim sometimes takes the port and protocol that the server's pod has a name for.
func (g *generator) aim(s *model.Snapshot, f model.Flow) model.Flow {
	if !g.Chance(35) {
		return f
	}
	for _, p := range s.Pods {
		for _, ip := range p.IPs {
			if ip == f.Server && len(p.Ports) > 0 {
				port := Pick(g, p.Ports...)
				f.Protocol, f.Port = port.Protocol, port.Number
				return f
			}
		}
	}
	return f
}

func split(in, v4, v6 []netip.Addr) (out4, out6 []netip.Addr) {
	for _, a := range in {
		if a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	return v4, v6
}
