//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// World is the network namespace of all hosts outside of the cluster: each address of
// model.OutsideRanges is a local one there. It is on the bridge as the nodes are, and leads
// nowhere else.
type World struct {
	addresses Plan
	ns        *sandbox.NetNS
}

const worldName = "world"

func newWorld(addresses Plan) (*World, error) {
	ns, err := sandbox.NewNetNS(worldName)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", worldName, err)
	}
	w := &World{addresses: addresses, ns: ns}
	if err := ns.Do(func() error { return apply(addresses.Families, quiet(), anybody()) }); err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", worldName, err), w.close())
	}
	return w, nil
}

// Do runs fn on a thread that is in the world's namespace.
func (w *World) Do(fn func() error) error { return w.ns.Do(fn) }

func (w *World) close() error {
	if err := w.ns.Close(); err != nil {
		return fmt.Errorf("close %s: %w", worldName, err)
	}
	return nil
}

// configure sets up eth0, which the bridge's side has put into the namespace, and makes all
// addresses of the ranges the namespace's own.
func (w *World) configure(n *Network) error {
	return w.ns.Do(func() error {
		return onLinks(func(l *links) {
			lo, eth0 := l.find("lo"), l.find("eth0")
			l.up(eth0)
			for _, ip := range w.addresses.worldIPs() {
				l.addr(eth0, netip.PrefixFrom(ip, nodeBits(ip)))
			}
			for _, node := range n.nodes {
				n.toNode(l, eth0, node)
				for i, ip := range node.IPs() {
					l.via(eth0, w.addresses.BalancerNets(node.number)[i], ip)
				}
			}
			for _, r := range w.addresses.outside() {
				l.local(lo, r)
			}
		})
	})
}

// toWorld routes to the world's addresses on link.
func (p Plan) toWorld(l *links, link netlink.Link) {
	for _, ip := range p.worldIPs() {
		l.neighbour(link, ip, worldMAC())
		for _, r := range p.outside() {
			if r.Addr().Is4() == ip.Is4() {
				l.via(link, r, ip)
			}
		}
	}
}

// outside are the ranges of the lab's families.
func (p Plan) outside() []netip.Prefix {
	var out []netip.Prefix
	for _, r := range model.OutsideRanges() {
		if p.Families.Has(model.FamilyOf(r.Addr())) {
			out = append(out, r)
		}
	}
	return out
}
