package assert

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
)

// world are hosts outside that stand for a prefix: one of each part that the policies' blocks tell
// apart. The prefix that is not valid is the world that no policy names: one host of each family.
func (r *resolver) world(prefix netip.Prefix) []endpoint {
	blocks := blocksOf(r.inv.Policies)
	if prefix.IsValid() {
		return unowned(r.inv, Apart(prefix, blocks))
	}
	var hosts []netip.Addr
	for _, f := range model.Dual.List() {
		hosts = append(hosts, unnamed(f, blocks))
	}
	return unowned(r.inv, hosts)
}

// unowned are the hosts that are neither pods nor nodes.
func unowned(inv *inventory.Inventory, hosts []netip.Addr) (all []endpoint) {
	for _, a := range hosts {
		if !owned(inv, a) {
			all = append(all, endpoint{key: "world:" + a.String(), addrs: []netip.Addr{a}})
		}
	}
	return all
}

func owned(inv *inventory.Inventory, a netip.Addr) bool {
	return slices.ContainsFunc(inv.Pods, func(p model.Pod) bool { return slices.Contains(p.IPs, a) }) ||
		slices.ContainsFunc(inv.Nodes, func(n model.Node) bool { return slices.Contains(n.IPs, a) })
}

// blocksOf are the CIDRs of policies, excepts among them, sorted and each once.
func blocksOf(policies []*netv1.NetworkPolicy) (all []netip.Prefix) {
	for _, p := range policies {
		all = append(all, matrix.Blocks(inventory.Peers(&p.Spec))...)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}

// Apart are addresses of a prefix, one at least of each part of it that blocks tell apart. Blocks
// lie in each other or beside each other, so each part begins at the begin of a block or just
// after the end of one.
func Apart(prefix netip.Prefix, blocks []netip.Prefix) []netip.Addr {
	all := []netip.Addr{prefix.Addr()}
	for _, b := range blocks {
		if b.Overlaps(prefix) {
			all = append(all, b.Addr(), netipx.PrefixLastIP(b).Next())
		}
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() || !prefix.Contains(a) })
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// wide is the length up to which a prefix means everybody, as the two halves of everything do.
const wide = 1

// unnamed is a host of a family that no block means in particular. Where blocks mean all the
// addresses that nobody owns, it is the first of them.
func unnamed(f model.Family, blocks []netip.Prefix) netip.Addr {
	var first netip.Addr
	for _, r := range model.OutsideRanges() {
		if model.FamilyOf(r.Addr()) != f {
			continue
		}
		for _, a := range Apart(r, blocks) {
			if a == r.Addr() {
				a = a.Next() // the number of the network is no host
			}
			if !first.IsValid() {
				first = a
			}
			if !slices.ContainsFunc(blocks, func(b netip.Prefix) bool { return b.Bits() > wide && b.Contains(a) }) {
				return a
			}
		}
	}
	return first
}
