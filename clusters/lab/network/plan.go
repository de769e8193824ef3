package network

import (
	"net"
	"net/netip"

	"github.com/netassay/netassay/model"
)

// MaxNodes is how many nodes the address plan has room for.
const MaxNodes = 240

// Plan says which addresses the lab has, by its IP families. In a dual-stack lab IPv4 is
// primary.
type Plan struct{ Families model.Families }

func (p Plan) addrs(v4, v6 netip.Addr) []netip.Addr {
	return model.PerFamily(p.Families.List(), v4, v6)
}

func (p Plan) prefixes(v4, v6 netip.Prefix) []netip.Prefix {
	return model.PerFamily(p.Families.List(), v4, v6)
}

// Node n (from 1) is nodeHost+n in the node networks and has the n-th
// pod networks.
const nodeHost = 10

func nodeNets() (v4, v6 netip.Prefix) {
	return netip.MustParsePrefix("172.30.0.0/24"), netip.MustParsePrefix("fd00:172:30::/64")
}

// ServiceCIDRs are the networks of cluster IPs.
func (p Plan) ServiceCIDRs() []netip.Prefix {
	return p.prefixes(netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("fd00:10:96::/112"))
}

// PodCIDRs are the networks that hold all pods of all nodes.
func (p Plan) PodCIDRs() []netip.Prefix {
	return p.prefixes(netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/48"))
}

// GatewayIPs are the addresses of the control plane on the bridge.
func (p Plan) GatewayIPs() []netip.Addr {
	v4, v6 := nodeNets()
	return p.addrs(host(v4, 1), host(v6, 1))
}

// worldIPs are the addresses of the world on the bridge, by which its own ranges are reached.
func (p Plan) worldIPs() []netip.Addr {
	v4, v6 := nodeNets()
	return p.addrs(host(v4, 2), host(v6, 2))
}

// NodeIPs are the addresses of node n, from 1.
func (p Plan) NodeIPs(n int) []netip.Addr {
	v4, v6 := nodeNets()
	return p.addrs(host(v4, nodeHost+n), host(v6, nodeHost+n))
}

// NodePodCIDRs are the pod networks of node n, from 1.
func (p Plan) NodePodCIDRs(n int) []netip.Prefix {
	v6 := netip.MustParseAddr("fd00:10:244::").As16()
	v6[7] = byte(n)
	return p.prefixes(
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(n), 0}), 24),
		netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	)
}

// BalancerNets are the networks of the addresses by which load balancers outside lead to node n,
// from 1.
func (p Plan) BalancerNets(n int) []netip.Prefix {
	v6 := netip.MustParseAddr("fd00:10:112::").As16()
	v6[7] = byte(n)
	return p.prefixes(
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 112 + byte(n>>4), byte(n << 4), 0}), 20),
		netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	)
}

// host is the i-th address of p, i below 256.
func host(p netip.Prefix, i int) netip.Addr {
	bytes := p.Addr().AsSlice()
	bytes[len(bytes)-1] = byte(i)
	a, _ := netip.AddrFromSlice(bytes)
	return a
}

// The hardware addresses, locally administered: one per node, two per pod.
func bridgeMAC() net.HardwareAddr    { return net.HardwareAddr{2, 'n', 'a', 0, 0, 1} }
func worldMAC() net.HardwareAddr     { return net.HardwareAddr{2, 'n', 'a', 0, 0, 2} }
func nodeMAC(n int) net.HardwareAddr { return net.HardwareAddr{2, 'n', 'a', 1, 0, byte(n)} }
func podMAC(node, i int) net.HardwareAddr {
	return net.HardwareAddr{2, 'n', 'a', 2, byte(node), byte(i)}
}

func podGWMAC(node, i int) net.HardwareAddr {
	return net.HardwareAddr{2, 'n', 'a', 3, byte(node), byte(i)}
}
