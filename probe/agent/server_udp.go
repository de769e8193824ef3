package agent

import (
	"errors"
	"net/netip"
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// readBatch bounds the datagrams that one listener takes in before others get a turn.
const readBatch = 64

// udpListener answers asks and counts streams.
type udpListener struct {
	s        *server
	fd       int
	family   family
	port     uint16
	overflow uint32 // datagrams that the socket had no room for
}

func (s *server) listenUDP(f family, port uint16) error {
	fd, err := newSocket(f, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	l := &udpListener{s: s, fd: fd, family: f, port: port}
	if err := l.open(); err != nil {
		_ = syscall.Close(fd)
		return err
	}
	s.udp = append(s.udp, l)
	return nil
}

func (l *udpListener) open() error {
	wantBuffer(l.fd)
	if err := reportDestination(l.fd, l.family); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(l.fd, syscall.SOL_SOCKET, soRxqOvfl, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_RXQ_OVFL", err)
	}
	if err := bindTo(l.fd, l.family, l.port); err != nil {
		return err
	}
	return l.s.loop.add(l.fd, evIn, func(uint32) {
		for range readBatch {
			if !l.read() {
				return
			}
		}
	})
}

// read takes in one datagram; false when there is none.
func (l *udpListener) read() bool {
	var buf [wire.MaxAsk]byte
	var oob [128]byte
	n, oobn, _, sa, err := syscall.Recvmsg(l.fd, buf[:], oob[:], 0)
	if err != nil {
		return !errors.Is(err, syscall.EAGAIN)
	}
	from, info := addrPort(sa), parseAncillary(oob[:oobn])
	// The count comes with the datagram after a loss; without one it stays.
	l.overflow = max(l.overflow, info.overflow)
	if d, ok := wire.ParseDatagram(buf[:n]); ok {
		if d.Answer {
			_, _ = syscall.SendmsgN(l.fd, []byte{wire.Filler}, fromAddr(info.dst), sockaddr(from), 0) // nobody reads it
		}
		l.s.arrived(l, from, d)
		return true
	}
	l.answer(buf[:n], from, info.dst)
	return true
}

// answer answers an ask from the address that it was sent to.
func (l *udpListener) answer(p []byte, from netip.AddrPort, to netip.Addr) {
	now := wire.Now()
	nonce, _, n, ok := wire.ParseLine(p)
	if !ok || n == 0 {
		return
	}
	var buf [wire.MaxLinePayload]byte
	// A reply that can't be sent is one that the asker does not get: it will say so.
	_, _ = syscall.SendmsgN(l.fd, wire.AppendAnswer(buf[:0], nonce, l.s.name), fromAddr(to), sockaddr(from), 0)
	l.s.receipts.add(wire.Receipt{
		Kind: wire.ReceiptData, Nonce: nonce, From: from, Port: l.port, Protocol: wire.UDP, At: now,
	})
}
