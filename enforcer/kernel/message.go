package kernel

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// message is one of ipset's protocol while it is being built, without its netlink header.
type message []byte

// newMessage begins a message about what has this name: a set, or a type of sets.
func newMessage(kind uint16, name string) message {
	b := make(message, nl.SizeofNfgenmsg, 256)
	b.attr(nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
	b.text(kind, name)
	return b
}

func (b *message) attr(kind uint16, value ...byte) {
	*b = binary.NativeEndian.AppendUint16(*b, uint16(unix.SizeofNlAttr+len(value)))
	*b = binary.NativeEndian.AppendUint16(*b, kind)
	*b = append(*b, value...)
	for len(*b)%unix.NLA_ALIGNTO != 0 {
		*b = append(*b, 0)
	}
}

func (b *message) text(kind uint16, value string) { b.attr(kind, append([]byte(value), 0)...) }

func (b *message) number(kind uint16, value int) {
	b.attr(kind|unix.NLA_F_NET_BYTEORDER, binary.BigEndian.AppendUint32(nil, uint32(value))...)
}

// line is the number of a line, which the kernel gives back. To it, 0 is none.
func (b *message) line(n int) {
	b.attr(nl.IPSET_ATTR_LINENO, binary.NativeEndian.AppendUint32(nil, uint32(n))...)
}

// nest begins an attribute that holds others, until end is called.
func (b *message) nest(kind uint16) (end func()) {
	start := len(*b)
	b.attr(kind | unix.NLA_F_NESTED)
	return func() { binary.NativeEndian.PutUint16((*b)[start:], uint16(len(*b)-start)) }
}

// create is how a set like s is made.
func (b *message) create(s plan.Set, revision uint8) {
	b.text(nl.IPSET_ATTR_TYPENAME, render.Kind(s.Kind))
	b.attr(nl.IPSET_ATTR_REVISION, revision)
	b.attr(nl.IPSET_ATTR_FAMILY, addressFamily(s.Family))
	defer b.nest(nl.IPSET_ATTR_DATA)()
	b.number(nl.IPSET_ATTR_HASHSIZE, render.HashSize(len(s.Members)))
	b.number(nl.IPSET_ATTR_MAXELEM, s.MaxElem())
}

func addressFamily(f model.Family) byte {
	if f == model.IPv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// protocols are those of members.
var protocols = [...]byte{plan.SCTP: unix.IPPROTO_SCTP, plan.TCP: unix.IPPROTO_TCP, plan.UDP: unix.IPPROTO_UDP}

// member is one of several in a message.
func (b *message) member(m plan.Member, line int) {
	defer b.nest(nl.IPSET_ATTR_DATA)()
	b.address(m)
	if !m.IsSingleIP() {
		b.attr(nl.IPSET_ATTR_CIDR, byte(m.Prefix().Bits()))
	}
	if link := m.Link(); link != "" {
		b.text(nl.IPSET_ATTR_IFACE, link)
	}
	if p := m.Protocol(); p != plan.AnyProtocol {
		b.attr(nl.IPSET_ATTR_PORT|unix.NLA_F_NET_BYTEORDER, byte(m.Port()>>8), byte(m.Port()))
		b.attr(nl.IPSET_ATTR_PROTO, protocols[p])
	}
	b.line(line)
}

func (b *message) address(m plan.Member) {
	defer b.nest(nl.IPSET_ATTR_IP)()
	kind := uint16(nl.IPSET_ATTR_IPADDR_IPV6)
	if m.Addr().Is4() {
		kind = nl.IPSET_ATTR_IPADDR_IPV4
	}
	b.attr(kind|unix.NLA_F_NET_BYTEORDER, m.Addr().AsSlice()...)
}
