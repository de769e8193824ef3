package agent

import (
	"errors"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// tcpProbe connects, sends its nonce and waits for the answer. A bare one only connects.
type tcpProbe struct {
	connected bool
	answer    []byte
}

func (p *tcpProbe) start(a *attempt) {
	fd, err := newSocket(familyOf(a.target.Addr.Addr()), syscall.SOCK_STREAM, 0)
	if err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.fd = fd
	if err := resetOnClose(fd); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	if !a.target.Bare {
		// The handshake's last ACK travels with the nonce, and none is sent for the
		// answer: two packets less of eight. Where it can't be had, it is done without.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
	}
	a.arm()
	err = syscall.Connect(fd, sockaddr(a.target.Addr))
	a.local = localAddr(fd)
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		a.fail("connect", err)
		return
	}
	if err := a.c.loop.add(fd, evIn|evOut|evEdge, func(ev uint32) { p.ready(a, ev) }); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
	}
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
	if _, err := syscall.Write(a.fd, wire.AppendAsk(buf[:0], a.target.Nonce)); err != nil {
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

func (p *tcpProbe) lastLook(a *attempt) {
	if !p.connected {
		if err := pendingError(a.fd); err != nil {
			a.fail("connect", err)
			return
		}
		if _, err := syscall.Getpeername(a.fd); err != nil { // ENOTCONN
			r, text := silence(a, wire.Now())
			a.finish(r, "", text)
			return
		}
		if p.connectedNow(a); a.over {
			return
		}
	}
	if p.read(a); !a.over {
		a.finish(wire.Inconclusive, "", "handshake completed, but no answer to the nonce")
	}
}
