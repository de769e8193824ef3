package cidr

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Block is one ipBlock: the addresses of CIDR that are in none of Excepts. An except need
// not lie inside CIDR; what lies outside takes nothing away.
type Block struct {
	CIDR    netip.Prefix
	Excepts []netip.Prefix
}

// Union returns the addresses that at least one of the blocks covers, as the fewest
// prefixes, sorted, with a /0 given as two /1 (ipset's hash:net takes no /0).
//
// ok is false when the result would have more than Bound(blocks) prefixes: a hole of one
// IPv6 address costs up to 128 of them. The caller must then match the blocks one by one.
func Union(blocks []Block) (prefixes []netip.Prefix, ok bool) {
	set, err := union(blocks)
	if err != nil {
		return nil, false
	}
	limit := Bound(blocks)
	prefixes = make([]netip.Prefix, 0, len(blocks))
	for _, r := range set.Ranges() {
		prefixes = r.AppendPrefixes(prefixes)
		if len(prefixes) > limit {
			return nil, false
		}
	}
	return SplitZero(prefixes), true
}

// Bound is the number of prefixes that Union may return for these blocks: four for each
// CIDR and except, and 1024.
func Bound(blocks []Block) int {
	n := 0
	for _, b := range blocks {
		n += 1 + len(b.Excepts)
	}
	return 4*n + 1024
}

// SplitZero replaces each /0 by its two halves. A list without one is given back as it is.
func SplitZero(prefixes []netip.Prefix) []netip.Prefix {
	if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
		return prefixes
	}
	var out []netip.Prefix
	for _, p := range prefixes {
		if p.Bits() != 0 {
			out = append(out, p)
			continue
		}
		all := netipx.RangeOfPrefix(p)
		out = append(out, netip.PrefixFrom(all.From(), 1).Masked(), netip.PrefixFrom(all.To(), 1).Masked())
	}
	return out
}

// union builds the set of all addresses. Blocks without excepts go straight in; each
// other block is subtracted on its own first, so that one block's except takes nothing
// from another block.
func union(blocks []Block) (*netipx.IPSet, error) {
	var all netipx.IPSetBuilder
	for _, b := range blocks {
		if len(b.Excepts) == 0 {
			all.AddPrefix(b.CIDR)
			continue
		}
		one, err := subtract(b)
		if err != nil {
			return nil, err
		}
		all.AddSet(one)
	}
	return all.IPSet()
}

func subtract(b Block) (*netipx.IPSet, error) {
	var one netipx.IPSetBuilder
	one.AddPrefix(b.CIDR)
	for _, e := range b.Excepts {
		one.RemovePrefix(e)
	}
	return one.IPSet()
}
