//go:build linux

package agent

import (
	"errors"
	"net/netip"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// watchND sees the neighbour solicitations that ask as probes do. The kernel knows nothing of
// these, and answers none. It needs CAP_NET_RAW.
func (s *server) watchND() error {
	fd, err := openRaw(ipv6, syscall.IPPROTO_ICMPV6, append(loadByte(ipv6, 0),
		jumpIfEqual(ndSolicitation, 0, 1),
		stmt(syscall.BPF_RET|syscall.BPF_K, 128),
		stmt(syscall.BPF_RET|syscall.BPF_K, 0),
	))
	if err != nil {
		return err
	}
	return s.loop.add(fd, evIn, func(uint32) {
		for range acceptBatch {
			if !s.readND(fd) {
				return
			}
		}
	})
}

func (s *server) readND(fd int) bool {
	var buf [128]byte
	n, from, err := syscall.Recvfrom(fd, buf[:], 0)
	if err != nil {
		return !errors.Is(err, syscall.EAGAIN)
	}
	if n < ndHeader || buf[0] != ndSolicitation {
		return true
	}
	if nonce, _, end, ok := wire.ParseLine(buf[ndHeader:n]); ok && end > 0 {
		// There is no port. Receipts are told apart by theirs.
		s.receipts.add(wire.Receipt{
			Kind: wire.ReceiptData, Nonce: nonce, Protocol: wire.ICMP, At: wire.Now(),
			From: netip.AddrPortFrom(addrPort(from).Addr(), uint16(nonce)),
		})
	}
	return true
}
