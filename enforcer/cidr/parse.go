package cidr

import (
	"fmt"
	"net/netip"

	netutils "k8s.io/utils/net"
)

// mappedBits is the length of ::ffff:0:0/96, under which IPv4 addresses are embedded.
const mappedBits = 96

// Parse reads a CIDR as the API server's legacy parser does, and makes it canonical: host
// bits are cleared, octets with leading zeros are decimal (ipset would read them as
// octal), and an IPv4-mapped IPv6 prefix is the IPv4 prefix that it embeds.
func Parse(text string) (netip.Prefix, error) {
	_, n, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("parse CIDR %q: not an address, a slash and a prefix length", text)
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	if !ok {
		return netip.Prefix{}, fmt.Errorf("parse CIDR %q: not an IP address", text)
	}
	if addr.Is4In6() && ones >= mappedBits {
		addr, ones = addr.Unmap(), ones-mappedBits
	}
	return netip.PrefixFrom(addr, ones).Masked(), nil
}
