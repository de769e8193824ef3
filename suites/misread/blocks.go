package misread

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// contains reports whether a block holds an address. What is not a block holds none.
func contains(cidr string, addr netip.Addr) bool {
	p, ok := prefix(cidr)
	return ok && p.Contains(addr)
}

func prefix(cidr string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(cidr)
	return p.Masked(), err == nil
}

// widened is a block with so many bits less.
func widened(cidr string, by int) string {
	p, ok := prefix(cidr)
	if bits := p.Bits() - by; ok && bits >= 0 && bits <= p.Addr().BitLen() {
		return netip.PrefixFrom(p.Addr(), bits).Masked().String()
	}
	return cidr
}

// blockMistake is a way to misread an ipBlock.
type blockMistake struct {
	name  string
	holds func(b *netv1.IPBlock, addr netip.Addr) bool
}

func holds(b *netv1.IPBlock, addr netip.Addr) bool { return excepting(b.CIDR, b.Except, addr) }

func excepting(cidr string, except []string, addr netip.Addr) bool {
	return contains(cidr, addr) && !slices.ContainsFunc(except, func(e string) bool { return contains(e, addr) })
}

func blockMistakes() []blockMistake {
	return slices.Concat(wholeBlockMistakes(), exceptMistakes())
}

func wholeBlockMistakes() []blockMistake {
	edge := func(beyond bool, of func(netip.Prefix) netip.Addr) func(*netv1.IPBlock, netip.Addr) bool {
		return func(b *netv1.IPBlock, addr netip.Addr) bool {
			p, ok := prefix(b.CIDR)
			if ok && of(p) == addr && !p.IsSingleIP() {
				return beyond
			}
			return holds(b, addr)
		}
	}
	firstOf := func(p netip.Prefix) netip.Addr { return p.Addr() }
	return []blockMistake{
		{"holds nothing", func(*netv1.IPBlock, netip.Addr) bool { return false }},
		{"holds everything", func(*netv1.IPBlock, netip.Addr) bool { return true }},
		{"lacks its first address", edge(false, firstOf)},
		{"lacks its last address", edge(false, netipx.PrefixLastIP)},
		{"holds the address after it", edge(true, func(p netip.Prefix) netip.Addr { return netipx.PrefixLastIP(p).Next() })},
		{"holds the address before it", edge(true, func(p netip.Prefix) netip.Addr { return p.Addr().Prev() })},
		{"is one bit wider", func(b *netv1.IPBlock, addr netip.Addr) bool { return excepting(widened(b.CIDR, 1), b.Except, addr) }},
		{"is one bit narrower", func(b *netv1.IPBlock, addr netip.Addr) bool { return excepting(widened(b.CIDR, -1), b.Except, addr) }},
		{"of one address holds nothing", func(b *netv1.IPBlock, addr netip.Addr) bool {
			p, _ := prefix(b.CIDR)
			return !p.IsSingleIP() && holds(b, addr)
		}},
		{"of all addresses holds nothing", func(b *netv1.IPBlock, addr netip.Addr) bool {
			p, _ := prefix(b.CIDR)
			return p.Bits() != 0 && holds(b, addr)
		}},
	}
}

func exceptMistakes() []blockMistake {
	some := func(which func(all []string) []string) func(*netv1.IPBlock, netip.Addr) bool {
		return func(b *netv1.IPBlock, addr netip.Addr) bool { return excepting(b.CIDR, which(b.Except), addr) }
	}
	resized := func(by int) func([]string) []string {
		return func(all []string) []string {
			out := slices.Clone(all)
			for i := range out {
				out[i] = widened(out[i], by)
			}
			return out
		}
	}
	return []blockMistake{
		{"is taken without except", some(func([]string) []string { return nil })},
		{"takes its first except only", some(func(all []string) []string { return all[:min(1, len(all))] })},
		{"takes its last except only", some(func(all []string) []string { return all[max(0, len(all)-1):] })},
		{"takes its first two excepts only", some(func(all []string) []string { return all[:min(2, len(all))] })},
		{"with an except holds nothing", func(b *netv1.IPBlock, addr netip.Addr) bool { return len(b.Except) == 0 && holds(b, addr) }},
		{"has excepts one bit wider", some(resized(1))},
		{"has excepts one bit narrower", some(resized(-1))},
	}
}

// ofBlocks are the readings with a mistake of blocks, in each direction and family, and of what
// a block has to do with pods.
func ofBlocks() []*Reading {
	var all []*Reading
	for _, d := range directions() {
		for _, f := range []model.Family{model.IPv4, model.IPv6} {
			for _, m := range blockMistakes() {
				all = append(all, misreadBlock(d, "a block of "+string(f)+" "+m.name, func(b *netv1.IPBlock, s side) bool {
					if model.FamilyOf(s.addr) == f {
						return m.holds(b, s.addr)
					}
					return holds(b, s.addr)
				}))
			}
		}
		all = append(all,
			misreadBlock(d, "a block holds no pods", func(b *netv1.IPBlock, s side) bool { return s.peer == nil && holds(b, s.addr) }),
			misreadBlock(d, "a block holds pods only", func(b *netv1.IPBlock, s side) bool { return s.peer != nil && holds(b, s.addr) }),
			misreadBlock(d, "a block holds no nodes", func(b *netv1.IPBlock, s side) bool { return !isNode(s, false) && holds(b, s.addr) }),
			exceptForAll(d),
		)
	}
	return all
}

func misreadBlock(d Direction, mistake string, matches func(b *netv1.IPBlock, s side) bool) *Reading {
	r := named(d, mistake)
	right := r.peer
	r.peer = func(p *netv1.NetworkPolicyPeer, namespace string, s side) bool {
		if p.IPBlock != nil && s.direction == d {
			return matches(p.IPBlock, s)
		}
		return right(p, namespace, s)
	}
	return r
}

// exceptForAll denies what one peer excepts, whatever the others of its rule allow.
func exceptForAll(d Direction) *Reading {
	r := named(d, "what one peer excepts no other peer of the rule allows")
	right := r.peers
	r.peers = func(peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
		excepted := slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool {
			return s.direction == d && p.IPBlock != nil && contains(p.IPBlock.CIDR, s.addr) && !holds(p.IPBlock, s.addr)
		})
		return !excepted && right(peers, namespace, s)
	}
	return r
}
