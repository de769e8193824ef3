//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"syscall"
	"unsafe"

	"github.com/netassay/netassay/probe/wire"
)

// tcpProbe connects, sends its nonce and waits for the answer. A bare one only connects.
type tcpProbe struct {
	connected bool
	answer    []byte
}

func (p *tcpProbe) start(a *attempt) {
	fd, err := tcpSocket(a)
	if err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.fd = fd
	if err := leaveFrom(fd, a.target.From); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.arm()
	a.transmit()
}

// tcpSocket is a socket whose connections end with RST, and whose port another one may use.
func tcpSocket(a *attempt) (int, error) {
	fd, err := newSocket(familyOf(a.target.Addr.Addr()), syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	if err = resetOnClose(fd); err == nil {
		err = sharePort(fd)
	}
	if err == nil && a.target.Form == wire.FormOptions {
		err = addOptions(fd, familyOf(a.target.Addr.Addr()))
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	if !a.target.Bare {
		// The handshake's last ACK travels with the nonce, and none is sent for the
		// answer: two packets less of eight. Where it can't be had, it is done without.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
	}
	return fd, nil
}

// send sends a SYN. The kernel would repeat it after a second, when a probe is over; so what
// is sent again is the SYN of a new connection between the same two ports, which the kernel
// lets anybody make. To a packet filter it is the same flow.
//
// Two are enough, unless the other end is heard: it may have answered a SYN whose socket was
// gone by then. So nothing is sent late to one that is silent. Some send three.
func (p *tcpProbe) send(a *attempt) {
	n, most := a.sends.packets(), 2
	if a.thorough() {
		most = 3
	}
	if n >= most && !heard(a.fd) || n > 0 && !p.replace(a) {
		return
	}
	err := syscall.Connect(a.fd, sockaddr(a.target.Addr))
	a.local = localAddr(a.fd)
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		a.fail("connect", err)
		return
	}
	a.sends.gone++
	if err := a.c.loop.add(a.fd, evIn|evOut|evEdge, func(ev uint32) { p.ready(a, ev) }); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
	}
}

// replace puts a new socket with the same address and port in the place of the one that
// waits, and reports whether it did: not when that one has got its answer, nor when there is
// no other to be had.
func (p *tcpProbe) replace(a *attempt) bool {
	if p.look(a); p.connected || a.over {
		return false
	}
	fd, err := tcpSocket(a)
	if err != nil {
		return false
	}
	if err := syscall.Bind(fd, sockaddr(a.local)); err != nil {
		_ = syscall.Close(fd)
		return false
	}
	a.c.loop.close(a.fd)
	a.fd = fd
	return true
}

func (p *tcpProbe) ready(a *attempt, events uint32) {
	if !p.connected {
		if events&(evErr|evHup) != 0 {
			p.connectFailed(a)
			return
		}
		if events&evOut == 0 {
			return
		}
		p.connectedNow(a)
	}
	if events&evIn != 0 && !a.over {
		p.read(a)
	}
}

func (p *tcpProbe) connectFailed(a *attempt) {
	if err := pendingError(a.fd); err != nil {
		a.fail("connect", err)
		return
	}
	a.finish(wire.Inconclusive, "", "connect: ended without an error")
}

func (p *tcpProbe) connectedNow(a *attempt) {
	p.connected = true
	if a.target.Bare {
		a.finish(wire.Connected, "", "")
		return
	}
	var buf [64]byte
	if _, err := syscall.Write(a.fd, wire.AppendAsk(buf[:0], a.target.Nonce, a.target.Size)); err != nil {
		p.broken(a, err)
	}
}

// read takes what is there of the answer.
func (p *tcpProbe) read(a *attempt) {
	var buf [wire.MaxLinePayload]byte
	for {
		n, err := syscall.Read(a.fd, buf[:])
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			return
		case err != nil:
			p.broken(a, err)
			return
		case n == 0:
			a.finish(wire.Inconclusive, "", "handshake completed, then closed without an answer")
			return
		}
		p.answer = append(p.answer, buf[:n]...)
		nonce, name, length, ok := wire.ParseLine(p.answer)
		if length > 0 || !ok {
			a.judgeAnswer(nonce, name, ok)
			return
		}
	}
}

// broken is an error after the handshake. Whatever it is, both directions have been open,
// so that no packet filter's verdict on a new connection can be read from it.
func (p *tcpProbe) broken(a *attempt, err error) {
	_, text := describe("handshake completed, then", err)
	a.finish(wire.Inconclusive, "", text)
}

// Counters of a connection, by their place in the kernel's struct tcp_info.
const (
	totalRetrans = 100 // segments that were sent again
	segsIn       = 140 // that came, since Linux 4.2
)

// heard reports whether a segment of any kind has come for the connection.
func heard(fd int) bool { return tcpInfo(fd, segsIn) > 0 }

// tcpInfo is one counter; 0 when it can't be had.
func tcpInfo(fd, offset int) uint32 {
	var info [144]byte
	n := uint32(len(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 || int(n) < offset+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(info[offset:])
}

// look takes in what has become of the handshake.
func (p *tcpProbe) look(a *attempt) {
	if p.connected {
		return
	}
	if err := pendingError(a.fd); err != nil {
		a.fail("connect", err)
		return
	}
	if _, err := syscall.Getpeername(a.fd); err == nil { // else ENOTCONN
		p.connectedNow(a)
	}
}

func (p *tcpProbe) lastLook(a *attempt) {
	switch p.look(a); {
	case a.over:
		return
	case !p.connected:
		a.silent()
		return
	}
	if p.read(a); a.over {
		return
	}
	if a.target.Size > 0 { // it is the large payload that is asked about
		a.sends.gone = 1 + int(tcpInfo(a.fd, totalRetrans))
		a.silent()
		return
	}
	a.finish(wire.Inconclusive, "", "handshake completed, but no answer to the nonce")
}
