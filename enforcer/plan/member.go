package plan

import (
	"bytes"
	"cmp"
	"net/netip"
	"strconv"

	"github.com/netassay/netassay/model"
)

// Member is one element of a set: a prefix, which is a single address in sets of Addresses
// and AddressPorts, and in the latter a protocol and a port. It is comparable. Those of
// plans are canonical (masked, unmapped), and never a /0 but of interfaces.
//
// A large cluster's plan has hundreds of thousands of them. So they are small, and have no
// pointers that a garbage collector would have to follow.
type Member struct {
	ip   [16]byte // IPv4 as mapped into IPv6
	bits uint8
	kind uint8 // isIPv4, isLink and a Protocol
	port uint16
}

// isIPv4 tells an IPv4 address from one that is mapped into IPv6, isLink a network interface,
// whose name is where the address would be.
const isIPv4, isLink = 0x80, 0x40

// AddressMember is a prefix.
func AddressMember(p netip.Prefix) Member {
	m := Member{ip: p.Addr().As16(), bits: uint8(max(0, p.Bits()))}
	if p.Addr().Is4() {
		m.kind = isIPv4
	}
	return m
}

// HostMember is a single address.
func HostMember(ip netip.Addr) Member { return AddressMember(netip.PrefixFrom(ip, ip.BitLen())) }

// longestLink is the longest name that an interface can have.
const longestLink = 15

// LinkMember is a network interface, with all addresses of a family. The name has at most
// longestLink bytes.
func LinkMember(f model.Family, name string) Member {
	m := Member{kind: isLink}
	if f == model.IPv4 {
		m.kind |= isIPv4
	}
	copy(m.ip[:longestLink], name)
	return m
}

// Link is the interface's name, "" of another member.
func (m Member) Link() string {
	if m.kind&isLink == 0 {
		return ""
	}
	return string(bytes.TrimRight(m.ip[:], "\x00"))
}

// PortMember is a port of a prefix.
func PortMember(p netip.Prefix, protocol Protocol, port uint16) Member {
	m := AddressMember(p)
	m.kind |= uint8(protocol)
	m.port = port
	return m
}

// Addr is the address, or the first of the prefix.
func (m Member) Addr() netip.Addr {
	switch {
	case m.kind&isLink == 0:
	case m.kind&isIPv4 != 0:
		return netip.IPv4Unspecified()
	default:
		return netip.IPv6Unspecified()
	}
	ip := netip.AddrFrom16(m.ip)
	if m.kind&isIPv4 != 0 {
		return ip.Unmap()
	}
	return ip
}

// Prefix is the prefix; that of a single address has its full length.
func (m Member) Prefix() netip.Prefix { return netip.PrefixFrom(m.Addr(), int(m.bits)) }

// IsSingleIP tells a single address from a prefix with more.
func (m Member) IsSingleIP() bool {
	if m.kind&isIPv4 != 0 {
		return m.bits == 32
	}
	return m.bits == 128
}

// Protocol is AnyProtocol but in sets of AddressPorts.
func (m Member) Protocol() Protocol { return Protocol(m.kind &^ (isIPv4 | isLink)) }

// Port is used in sets of AddressPorts only.
func (m Member) Port() uint16 { return m.port }

// Compare orders by family, address, length, protocol and port.
func (m Member) Compare(other Member) int {
	if c := cmp.Compare(other.kind&isIPv4, m.kind&isIPv4); c != 0 {
		return c
	}
	if c := bytes.Compare(m.ip[:], other.ip[:]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(m.bits, other.bits), cmp.Compare(m.kind, other.kind), cmp.Compare(m.port, other.port))
}

// Equal is for go-cmp, which does not look into other packages' fields.
func (m Member) Equal(other Member) bool { return m == other }

// String is e.g. "10.0.0.0/8", "10.0.0.1", "10.0.0.1 tcp 80" or "0.0.0.0/0 veth1".
func (m Member) String() string {
	text := m.Addr().String()
	if !m.IsSingleIP() {
		text = m.Prefix().String()
	}
	if link := m.Link(); link != "" {
		text += " " + link
	}
	if p := m.Protocol(); p != AnyProtocol {
		text += " " + p.String() + " " + strconv.Itoa(int(m.port))
	}
	return text
}
