//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Bounds of accepted connections.
const (
	maxConns    = 8000
	acceptBatch = 64
	backlog     = 4096
	probeIdle   = 15 * time.Second // a client whose RST was dropped leaves its connection behind
	sweepEvery  = 5 * time.Second
)

// conn is an accepted connection.
type conn struct {
	s      *server
	fd     int
	from   netip.AddrPort
	port   uint16
	unread []byte
	last   time.Duration // when something came
}

func (s *server) listenTCP(f family, port uint16) error {
	fd, err := newSocket(f, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err = sharePort(fd); err == nil {
		err = bindTo(fd, f, port)
	}
	if err == nil {
		err = resetOnClose(fd) // what is accepted inherits it
	}
	if err == nil {
		err = os.NewSyscallError("listen", syscall.Listen(fd, backlog))
	}
	if err == nil {
		err = s.loop.add(fd, evIn, func(uint32) { s.accept(fd, port) })
	}
	if err != nil {
		_ = syscall.Close(fd)
		return err
	}
	if len(s.conns) == 0 {
		s.sweepLater()
	}
	return nil
}

func (s *server) accept(fd int, port uint16) {
	for range acceptBatch {
		c, sa, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if errors.Is(err, syscall.EMFILE) || len(s.conns) >= maxConns {
			s.sweep(0)
		}
		if err != nil {
			return // EAGAIN, or a connection that is gone already
		}
		s.accepted(c, addrPort(sa), port)
	}
}

func (s *server) accepted(fd int, from netip.AddrPort, port uint16) {
	now := wire.Now()
	c := &conn{s: s, fd: fd, from: from, port: port, last: now}
	if err := s.loop.add(fd, evIn|evEdge, func(uint32) { c.ready() }); err != nil {
		_ = syscall.Close(fd)
		return
	}
	s.conns[fd] = c
	if !s.sawSYN {
		s.receipts.add(wire.Receipt{Kind: wire.ReceiptAccept, From: from, Port: port, Protocol: wire.TCP, At: now})
	}
}

func (c *conn) ready() {
	var buf [wire.MaxAsk]byte
	for {
		n, err := syscall.Read(c.fd, buf[:])
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			return
		}
		if err != nil || n == 0 || !c.take(buf[:n]) {
			c.close()
			return
		}
		if n < len(buf) {
			return // all is read: epoll(7) says so for streams
		}
	}
}

// take answers the lines that are complete; false when it can't go on.
func (c *conn) take(p []byte) bool {
	c.last = wire.Now()
	c.unread = append(c.unread, p...)
	for len(c.unread) > 0 {
		nonce, _, n, ok := wire.ParseLine(c.unread)
		if !ok {
			return false
		}
		if n == 0 {
			return true
		}
		c.unread = c.unread[n:]
		if !c.answer(nonce) {
			return false
		}
	}
	c.unread = nil
	return true
}

func (c *conn) answer(nonce uint64) bool {
	var buf [wire.MaxLinePayload]byte
	line := wire.AppendAnswer(buf[:0], nonce, c.s.name)
	n, err := syscall.Write(c.fd, line)
	c.s.receipts.add(wire.Receipt{
		Kind: wire.ReceiptData, Nonce: nonce, From: c.from, Port: c.port, Protocol: wire.TCP, At: c.last,
	})
	return err == nil && n == len(line)
}

func (c *conn) close() {
	delete(c.s.conns, c.fd)
	c.s.loop.close(c.fd)
}

// sweep closes what has been silent for too long; with grace 0 every probe's connection.
func (s *server) sweep(grace time.Duration) {
	now := wire.Now()
	for _, c := range s.conns {
		if now-c.last > grace {
			c.close()
		}
	}
}

func (s *server) sweepLater() {
	s.loop.at(wire.Now()+sweepEvery, func() {
		s.sweep(probeIdle)
		s.sweepLater()
	})
}

// watchSYN sees the SYNs that arrive, for any port, before anybody answers them. It needs
// CAP_NET_RAW.
func (s *server) watchSYN(f family) error {
	fd, err := openRaw(f, syscall.IPPROTO_TCP, synFilter(f))
	if err != nil {
		return err
	}
	if err := reportDestination(fd, f); err != nil {
		_ = syscall.Close(fd)
		return err
	}
	return s.loop.add(fd, evIn, func(uint32) {
		for range acceptBatch {
			if !s.readSYN(f, fd) {
				return
			}
		}
	})
}

func (s *server) readSYN(f family, fd int) bool {
	var buf, oob [256]byte
	n, oobn, _, sa, err := syscall.Recvmsg(fd, buf[:], oob[:], 0)
	if err != nil {
		return !errors.Is(err, syscall.EAGAIN)
	}
	seg := transport(f, buf[:n])
	// The filter was attached after the socket was opened: look again.
	if len(seg) <= tcpFlagsOffset || seg[tcpFlagsOffset]&(tcpSYN|tcpACK) != tcpSYN {
		return true
	}
	s.receipts.add(wire.Receipt{
		Kind: wire.ReceiptSYN, Protocol: wire.TCP, At: wire.Now(),
		From: netip.AddrPortFrom(addrPort(sa).Addr(), binary.BigEndian.Uint16(seg)),
		To:   parseAncillary(oob[:oobn]).dst,
		Port: binary.BigEndian.Uint16(seg[2:]),
	})
	return true
}
