//go:build linux

package agent

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// hopLimit is that of neighbour discovery, from which each router takes one.
const hopLimit = 255

// Lengths of headers, and where checksums are.
const (
	ipHeader4      = 20
	ipHeader6      = 40
	fragmentHeader = 8
	fragmentNext   = 44 // which header that is
	udpHeader      = 8
	udpSum         = 6
	tcpHeader      = 32 // with 12 bytes of options, which mean nothing
	tcpSum         = 16
	ndSolicitation = 135 // type
	ndHeader       = 24
	icmpSum        = 2
)

// packets are those of a target whose form is raw, with their headers: a datagram that asks, a SYN
// or a neighbour solicitation. The id is for fragments.
func packets(t wire.Target, src netip.AddrPort, id uint32) [][]byte {
	from, to := src.Addr(), t.Addr.Addr()
	next, body := segment(t, src)
	if t.Form != wire.FormFragments {
		return [][]byte{append(header(from, to, next, len(body)), body...)}
	}
	first := 8 // bytes: fewer there can't be
	if next == syscall.IPPROTO_TCP && from.Is6() {
		first = 24 // the whole of the header without options, or Linux drops it
	}
	var pieces [][]byte
	for i, piece := range [][]byte{body[:first], body[first:]} {
		pieces = append(pieces, append(fragment(from, to, next, len(piece), i*first, i == 0, id), piece...))
	}
	return pieces
}

// segment is what follows the IP header, and its protocol.
func segment(t wire.Target, src netip.AddrPort) (next byte, b []byte) {
	sum := udpSum
	switch t.Protocol {
	case wire.TCP:
		next, sum, b = syscall.IPPROTO_TCP, tcpSum, make([]byte, tcpHeader)
		binary.BigEndian.PutUint32(b[4:], uint32(t.Nonce))
		b[12], b[tcpFlagsOffset], b[14] = tcpHeader/4<<4, tcpSYN, 0x40 // and a window
		copy(b[20:], bytes.Repeat([]byte{1}, tcpHeader-20))
	case wire.UDP:
		next, b = syscall.IPPROTO_UDP, wire.AppendAsk(make([]byte, udpHeader), t.Nonce, t.Size)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	default:
		next, sum, b = syscall.IPPROTO_ICMPV6, icmpSum, make([]byte, ndHeader)
		b[0] = ndSolicitation
		copy(b[8:], t.Addr.Addr().AsSlice())
		b = wire.AppendAsk(b, t.Nonce, 0)
	}
	if next != syscall.IPPROTO_ICMPV6 {
		binary.BigEndian.PutUint16(b, src.Port())
		binary.BigEndian.PutUint16(b[2:], t.Addr.Port())
	}
	binary.BigEndian.PutUint16(b[sum:], checksum(src.Addr(), t.Addr.Addr(), next, b))
	return next, b
}

// checksum is that of a transport's part of a packet, whose own field is 0 yet. In UDP, 0 would
// stand for none; its complement is as good.
func checksum(src, dst netip.Addr, next byte, b []byte) uint16 {
	sum := uint32(next) + uint32(len(b))
	for _, part := range [][]byte{src.AsSlice(), dst.AsSlice(), b} {
		for i, octet := range part {
			sum += uint32(octet) << (8 * (1 - i%2))
		}
	}
	sum = sum>>16 + sum&0xffff
	if folded := ^uint16(sum + sum>>16); folded != 0 {
		return folded
	}
	return 1<<16 - 1
}

// header is that of a packet with so many bytes after it. The kernel fills in the checksum of IPv4.
func header(src, dst netip.Addr, next byte, length int) []byte {
	if src.Is4() {
		b := make([]byte, ipHeader4)
		b[0], b[8], b[9] = 4<<4|ipHeader4/4, hopLimit, next
		binary.BigEndian.PutUint16(b[2:], uint16(ipHeader4+length))
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		return b
	}
	b := make([]byte, ipHeader6)
	b[0], b[6], b[7] = 6<<4, next, hopLimit
	binary.BigEndian.PutUint16(b[4:], uint16(length))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return b
}

// fragment is the header of one, whose content has its place at offset, a multiple of 8.
func fragment(src, dst netip.Addr, next byte, length, offset int, more bool, id uint32) []byte {
	if src.Is4() {
		b := header(src, dst, next, length)
		binary.BigEndian.PutUint16(b[4:], uint16(id))
		binary.BigEndian.PutUint16(b[6:], uint16(offset/8))
		if more {
			b[6] |= 0x20
		}
		return b
	}
	b := append(header(src, dst, fragmentNext, fragmentHeader+length), next, 0)
	if more {
		offset |= 1
	}
	b = binary.BigEndian.AppendUint16(b, uint16(offset))
	return binary.BigEndian.AppendUint32(b, id)
}
