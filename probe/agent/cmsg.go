//go:build linux

package agent

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// ancillary is what came with a datagram besides its bytes.
type ancillary struct {
	dst      netip.Addr    // that it was sent to
	stamp    time.Time     // when the kernel took it in; zero when it does not say
	overflow uint32        // datagrams that the socket has lost so far for want of buffer
	err      syscall.Errno // an entry of the error queue: what happened
	icmp     bool          // … as an ICMP message said
}

// Origins of an entry of the error queue (struct sock_extended_err).
const (
	originICMP  = 2
	originICMP6 = 3
)

// parseAncillary reads control messages; what it does not know it leaves out.
func parseAncillary(oob []byte) ancillary {
	var a ancillary
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return a
	}
	for _, m := range msgs {
		a.read(m)
	}
	return a
}

func (a *ancillary) read(m syscall.SocketControlMessage) {
	level, kind, d := int(m.Header.Level), int(m.Header.Type), m.Data
	switch {
	case level == syscall.IPPROTO_IP && kind == syscall.IP_PKTINFO && len(d) >= 12:
		a.dst = netip.AddrFrom4([4]byte(d[8:12])) // ifindex, spec_dst, addr
	case level == syscall.IPPROTO_IPV6 && kind == ipv6PktInfo && len(d) >= 16:
		a.dst = netip.AddrFrom16([16]byte(d[:16]))
	case level == syscall.SOL_SOCKET && kind == soStamp && len(d) >= 16:
		a.stamp = time.Unix(int64(binary.NativeEndian.Uint64(d)), int64(binary.NativeEndian.Uint64(d[8:])))
	case level == syscall.SOL_SOCKET && kind == soRxqOvfl && len(d) >= 4:
		a.overflow = binary.NativeEndian.Uint32(d)
	case level == syscall.IPPROTO_IP && kind == ipRecvErr && len(d) >= 16,
		level == syscall.IPPROTO_IPV6 && kind == ipv6RecvErr && len(d) >= 16:
		a.err = syscall.Errno(binary.NativeEndian.Uint32(d))
		a.icmp = d[4] == originICMP || d[4] == originICMP6
	}
}

// at is when the datagram came, by the kernel's word: a process that has no processor reads
// it much later. It is now where the kernel does not say.
func (a ancillary) at() time.Duration {
	now := wire.Now()
	if a.stamp.IsZero() {
		return now
	}
	return now - max(0, time.Since(a.stamp))
}

// fromAddr is the control message that makes a datagram leave from src, nil when src is
// not known.
func fromAddr(src netip.Addr) []byte {
	switch {
	case !src.IsValid():
		return nil
	case src.Is4():
		data := make([]byte, 12)
		a := src.As4()
		copy(data[4:], a[:]) // ifindex, spec_dst, addr
		return controlMessage(syscall.IPPROTO_IP, syscall.IP_PKTINFO, data)
	default:
		data := make([]byte, 20)
		a := src.As16()
		copy(data, a[:])
		return controlMessage(syscall.IPPROTO_IPV6, ipv6PktInfo, data)
	}
}

func controlMessage(level, kind int, data []byte) []byte {
	b := make([]byte, syscall.CmsgSpace(len(data)))
	// struct cmsghdr begins with a length that is as wide as a pointer.
	word := syscall.CmsgLen(0) - 8
	if word >= 8 {
		binary.NativeEndian.PutUint64(b, uint64(syscall.CmsgLen(len(data))))
		word = 8
	} else {
		binary.NativeEndian.PutUint32(b, uint32(syscall.CmsgLen(len(data))))
		word = 4
	}
	binary.NativeEndian.PutUint32(b[word:], uint32(level))
	binary.NativeEndian.PutUint32(b[word+4:], uint32(kind))
	copy(b[syscall.CmsgLen(0):], data)
	return b
}
