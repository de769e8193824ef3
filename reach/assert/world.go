package assert

import (
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// world are hosts outside that stand for a prefix: one of each part that the policies' blocks tell
// apart. The prefix that is not valid is the world that no policy names: one host of each family.
func (r *resolver) world(prefix netip.Prefix) (all []endpoint) {
	var hosts []netip.Addr
	if prefix.IsValid() {
		hosts = Apart(prefix, Blocks(r.inv.Policies))
	} else {
		for _, f := range model.Dual.List() {
			hosts = append(hosts, unnamed(f, Blocks(r.inv.Policies)))
		}
	}
	for _, a := range hosts {
		if !owned(r.inv, a) {
			all = append(all, endpoint{key: "world:" + a.String(), addrs: []netip.Addr{a}})
		}
	}
	return all
}

func owned(inv *inventory.Inventory, a netip.Addr) bool {
	return slices.ContainsFunc(inv.Pods, func(p model.Pod) bool { return slices.Contains(p.IPs, a) }) ||
		slices.ContainsFunc(inv.Nodes, func(n model.Node) bool { return slices.Contains(n.IPs, a) })
}

// Blocks are the CIDRs of policies, excepts among them, sorted and each once.
func Blocks(policies []*netv1.NetworkPolicy) (all []netip.Prefix) {
	add := func(text string) {
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, p.Masked())
		}
	}
	peers := func(list []netv1.NetworkPolicyPeer) {
		for _, p := range list {
			if p.IPBlock == nil {
				continue
			}
			add(p.IPBlock.CIDR)
			for _, e := range p.IPBlock.Except {
				add(e)
			}
		}
	}
	for _, p := range policies {
		for _, r := range p.Spec.Ingress {
			peers(r.From)
		}
		for _, r := range p.Spec.Egress {
			peers(r.To)
		}
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
			all = append(all, b.Addr(), last(b).Next())
		}
	}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() || !prefix.Contains(a) })
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(raw); bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
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
