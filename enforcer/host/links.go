package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// Link is the interface that leads to a pod's address.
type Link struct {
	Name   string
	Shared bool // other addresses are behind it too, and can take each other's
}

// plugs are the types of interfaces that have one pod at their other end.
var plugs = []string{"veth", "netkit", "tuntap"}

// Links finds the interfaces that lead to addresses of the node's pods, by the routes. An
// address is not in the answer when its route leads to a network that is not of pods alone,
// or when it has none: then nobody knows who can send from it.
func (h Host) Links(ips []netip.Addr, podCIDRs []netip.Prefix) (map[netip.Addr]Link, error) {
	list, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make(map[int]netlink.Link, len(list))
	for _, l := range list {
		links[l.Attrs().Index] = l
	}
	out := map[netip.Addr]Link{}
	for _, ip := range ips {
		route, ok := routeTo(ip)
		l := links[route.LinkIndex]
		switch {
		case !ok || l == nil:
		case slices.Contains(plugs, l.Type()) && isHost(route.Dst):
			out[ip] = Link{Name: l.Attrs().Name}
		case l.Type() == "bridge" && ofPods(l, podCIDRs):
			out[ip] = Link{Name: l.Attrs().Name, Shared: true}
		}
	}
	return out, nil
}

// routeTo is the route to an address that is on a link of the node; ok is false for another,
// and for none.
func routeTo(ip netip.Addr) (route netlink.Route, ok bool) {
	routes, err := netlink.RouteGetWithOptions(ip.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil || len(routes) != 1 || routes[0].Gw != nil || routes[0].Via != nil || routes[0].Dst == nil {
		return route, false
	}
	return routes[0], true
}

func isHost(n *net.IPNet) bool {
	ones, bits := n.Mask.Size()
	return ones == bits
}

// ofPods reports whether a bridge has an address of one of the prefixes.
func ofPods(l netlink.Link, podCIDRs []netip.Prefix) bool {
	subnets, err := subnetsOf(l)
	return err == nil && slices.ContainsFunc(subnets, func(s netip.Prefix) bool {
		return slices.ContainsFunc(podCIDRs, func(p netip.Prefix) bool { return p.Contains(s.Addr()) })
	})
}

// Watch calls changed after each change of a route to a single address, until ctx ends.
func (h Host) Watch(ctx context.Context, changed func()) error {
	updates := make(chan netlink.RouteUpdate, 64)
	if err := netlink.RouteSubscribe(updates, ctx.Done()); err != nil {
		return fmt.Errorf("watch routes: %w", err)
	}
	for u := range updates {
		if u.Dst != nil && isHost(u.Dst) {
			changed()
		}
	}
	return ctx.Err()
}
