//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// onLink is the link-local address of who forwards for this machine, in a pod usually its node:
// of the first neighbour that is known, by its hardware address, as kernels make it.
func onLink() (netip.Addr, error) {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETNEIGH, syscall.AF_UNSPEC)
	if err != nil {
		return netip.Addr{}, os.NewSyscallError("list neighbours", err)
	}
	if a := parseNeighbours(dump); a.IsValid() {
		return a, nil
	}
	return netip.Addr{}, errors.New("no neighbour is known")
}

// parseNeighbours finds it in what the kernel tells of all. It is not valid when there is none.
func parseNeighbours(dump []byte) netip.Addr {
	const fixed, attribute, hardware = 12, 4, 2 // lengths of headers; the attribute with the address
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWNEIGH || len(m.Data) < fixed {
			continue
		}
		for rest := m.Data[fixed:]; len(rest) >= attribute; {
			n, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
			if n < attribute || n > len(rest) {
				break
			}
			if mac := rest[attribute:n]; kind == hardware && len(mac) == 6 && mac[0]&1 == 0 && [6]byte(mac) != [6]byte{} {
				a := netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
				return a.WithZone(strconv.Itoa(int(binary.NativeEndian.Uint32(m.Data[4:]))))
			}
			rest = rest[min(len(rest), (n+3)&^3):]
		}
	}
	return netip.Addr{}
}
