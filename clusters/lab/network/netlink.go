//go:build linux

package network

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
)

// links does netlink work in one network namespace and keeps the first error, so that a
// sequence of steps reads as one. It is not safe for concurrent use.
type links struct {
	h   *netlink.Handle
	err error
}

// onLinks does netlink work in the calling thread's network namespace.
func onLinks(work func(l *links)) error {
	h, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	l := &links{h: h}
	work(l)
	return l.err
}

// find is the link of that name; when there is none, one without effect.
func (l *links) find(name string) netlink.Link {
	link, err := l.h.LinkByName(name)
	if err != nil {
		l.do("find "+name, err)
		return &netlink.Dummy{}
	}
	return link
}

func (l *links) do(what string, err error) {
	if l.err == nil && err != nil {
		l.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (l *links) up(link netlink.Link) {
	if l.err == nil {
		l.do("set up "+link.Attrs().Name, l.h.LinkSetUp(link))
	}
}

// port plugs a namespace into a bridge, where it is known by name, with its eth0 at mac.
func (l *links) port(bridge netlink.Link, name string, mac net.HardwareAddr, ns *sandbox.NetNS) {
	port := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: name, MasterIndex: bridge.Attrs().Index},
		PeerName:         "eth0",
		PeerHardwareAddr: mac,
		PeerNamespace:    netlink.NsFd(ns.Fd()),
	}
	if l.err == nil {
		l.do("connect "+name+" to bridge", l.h.LinkAdd(port))
		l.up(port)
	}
}

// addr gives link an address that is usable at once (no duplicate address detection).
func (l *links) addr(link netlink.Link, p netip.Prefix) {
	if l.err != nil {
		return
	}
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	l.do(fmt.Sprintf("add address %s to %s", p, link.Attrs().Name), l.h.AddrAdd(link, a))
}

// onLink routes to on link without a gateway.
func (l *links) onLink(link netlink.Link, to netip.Prefix) {
	l.route(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(to), Scope: netlink.SCOPE_LINK})
}

// via routes to through gw, which need not be in a connected network.
func (l *links) via(link netlink.Link, to netip.Prefix, gw netip.Addr) {
	l.route(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: ipNet(to), Gw: gw.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
	})
}

// local makes every address of to one of the machine's own.
func (l *links) local(lo netlink.Link, to netip.Prefix) {
	l.route(&netlink.Route{
		LinkIndex: lo.Attrs().Index, Dst: ipNet(to), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
	})
}

// blackhole is a route that silently drops what goes to.
func blackhole(to netip.Prefix) *netlink.Route {
	return &netlink.Route{Dst: ipNet(to), Type: unix.RTN_BLACKHOLE}
}

func (l *links) route(r *netlink.Route) {
	if l.err == nil {
		l.do(fmt.Sprintf("add route to %s", r.Dst), l.h.RouteAdd(r))
	}
}

// neighbour says for good that ip is at mac on link.
func (l *links) neighbour(link netlink.Link, ip netip.Addr, mac net.HardwareAddr) {
	if l.err != nil {
		return
	}
	family := netlink.FAMILY_V4
	if ip.Is6() {
		family = netlink.FAMILY_V6
	}
	l.do(fmt.Sprintf("add neighbour %s", ip), l.h.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT,
		IP: ip.AsSlice(), HardwareAddr: mac,
	}))
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// single is the network of just a.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// everything is the default route's network in a's family.
func everything(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 0).Masked() }
