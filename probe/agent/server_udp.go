//go:build linux

package agent

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

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
	asked    bool   // of the present batch: somebody waits for an answer
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
	for name, option := range map[string]int{"SO_RXQ_OVFL": soRxqOvfl, "SO_TIMESTAMPNS": soStamp} {
		if err := syscall.SetsockoptInt(l.fd, syscall.SOL_SOCKET, option, 1); err != nil {
			return os.NewSyscallError("setsockopt "+name, err)
		}
	}
	if err := bindTo(l.fd, l.family, l.port); err != nil {
		return err
	}
	return l.s.loop.add(l.fd, evIn, func(uint32) { l.take() })
}

// restFor is how long a listener that streams arrive at is left alone: the kernel says when
// each datagram came, and to be woken by each would cost more than all else about it.
const restFor = 4 * time.Millisecond

// take takes in what is there, up to a bound, and rests when all of it was of streams:
// an ask is not kept waiting by another.
func (l *udpListener) take() {
	l.asked = false
	n := 0
	for n < readBatch && l.read() {
		n++
	}
	if n == 0 || n == readBatch || l.asked {
		return
	}
	l.s.loop.rest(l.fd, restFor)
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
		l.s.arrived(l, from, d, info.at())
		return true
	}
	l.asked = true
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
