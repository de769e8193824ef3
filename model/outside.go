package model

import (
	"net/netip"
	"slices"
)

// OutsideRanges are the addresses that hosts outside of a cluster have in cases: set aside for
// documentation (RFC 5737, RFC 3849) and for benchmarks (RFC 2544), so that nobody owns them.
func OutsideRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2001:db8::/32"),
	}
}

// IsOutside reports whether an address is in one of them.
func IsOutside(addr netip.Addr) bool {
	return slices.ContainsFunc(OutsideRanges(), func(r netip.Prefix) bool { return r.Contains(addr) })
}
