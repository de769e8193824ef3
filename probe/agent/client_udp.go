//go:build linux

package agent

import (
	"errors"
	"net/netip"
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// maxPortTries bounds the search for a source port that is free.
const maxPortTries = 64

// udpProbe sends a datagram and waits for a reply.
type udpProbe struct{}

func (p *udpProbe) start(a *attempt) {
	fd, err := udpSocket(a.c.ports, a.target)
	if err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.ask(fd, func() { p.read(a) })
}

// ask connects a socket of datagrams, has what comes read, and sends.
func (a *attempt) ask(fd int, read func()) {
	a.fd = fd
	a.arm()
	if err := syscall.Connect(fd, sockaddr(a.target.Addr)); err != nil {
		a.fail("connect", err)
		return
	}
	a.local = localAddr(fd)
	if err := a.c.loop.add(fd, evIn|evEdge, func(uint32) { read() }); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.transmit()
}

// udpSocket is a socket with a fresh source port.
func udpSocket(ports *portPicker, t wire.Target) (int, error) {
	f := familyOf(t.Addr.Addr())
	fd, err := newSocket(f, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return -1, err
	}
	src := t.From
	if !src.IsValid() {
		src = f.wildcard()
	}
	if err = reportICMP(fd, f); err == nil && t.Form == wire.FormOptions {
		err = addOptions(fd, f)
	}
	if err == nil {
		err = bindFresh(fd, src, func() uint16 { return ports.next(t.Protocol, t.Addr) })
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bindFresh binds to the first port that is free.
func bindFresh(fd int, src netip.Addr, next func() uint16) error {
	var err error
	for range maxPortTries {
		if err = bindAt(fd, src, next()); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

func (p *udpProbe) send(a *attempt) {
	payload := []byte(wire.BarePayload)
	if !a.target.Bare {
		payload = wire.AppendAsk(nil, a.target.Nonce, a.target.Size)
	}
	_, err := syscall.Write(a.fd, payload)
	if err = a.sends.note(os.NewSyscallError("send", err)); err != nil {
		a.fail("send", err)
	}
}

func (p *udpProbe) read(a *attempt) {
	var buf [wire.MaxLinePayload]byte
	n, err := syscall.Read(a.fd, buf[:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
	case err != nil:
		a.fail("receive", err)
	case a.target.Bare:
		a.finish(wire.Connected, "", "")
	default:
		nonce, name, _, ok := wire.ParseLine(buf[:n])
		a.judgeAnswer(nonce, name, ok)
	}
}

func (p *udpProbe) lastLook(a *attempt) {
	if p.read(a); !a.over {
		a.silent()
	}
}
