package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// attrType is the kind of an attribute, without flags.
const attrType = 0x3fff

// Forget has conntrack forget all flows of these addresses, in both directions and of every
// protocol, and says how many there were. It walks through all flows of a family, and holds
// no more of them than it forgets.
func (h Host) Forget(ips []netip.Addr) (n int, err error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		wanted := slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return ip.Is4() != (family == unix.AF_INET) })
		if len(wanted) == 0 {
			continue
		}
		var found [][]byte
		err := conntrack(nl.IPCTNL_MSG_CT_GET, family, nil, func(flow []byte) {
			if ofFlow(flow, wanted) {
				found = append(found, slices.Clone(flow))
			}
		})
		if err != nil {
			return n, fmt.Errorf("list flows: %w", err)
		}
		for _, flow := range found {
			err := conntrack(nl.IPCTNL_MSG_CT_DELETE, family, flow, func([]byte) {})
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return n, fmt.Errorf("forget a flow: %w", err)
			}
			n++
		}
	}
	return n, nil
}

// conntrack makes one request, about a flow or about all, and yields the flows of the answer.
func conntrack(operation int, family uint8, flow []byte, yield func(flow []byte)) error {
	flags := unix.NLM_F_ACK
	if flow == nil {
		flags = unix.NLM_F_DUMP
	}
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8|operation, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	req.AddRawData(flow)
	return req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(m []byte) bool {
		yield(m[min(nl.SizeofNfgenmsg, len(m)):])
		return true
	})
}

// ofFlow reports whether a flow has one of the addresses at any end.
func ofFlow(flow []byte, ips []netip.Addr) (found bool) {
	attributes(flow, func(kind uint16, tuple []byte) {
		if kind != nl.CTA_TUPLE_ORIG && kind != nl.CTA_TUPLE_REPLY {
			return
		}
		attributes(tuple, func(kind uint16, ends []byte) {
			if kind != nl.CTA_TUPLE_IP {
				return
			}
			attributes(ends, func(_ uint16, address []byte) {
				ip, ok := netip.AddrFromSlice(address)
				found = found || ok && slices.Contains(ips, ip)
			})
		})
	})
	return found
}

// attributes yields the attributes of a message, as far as it is whole, and keeps none: a
// node may have a million flows.
func attributes(b []byte, yield func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return
		}
		yield(binary.NativeEndian.Uint16(b[2:])&attrType, b[4:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}
