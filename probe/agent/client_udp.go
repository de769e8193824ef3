package agent

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// firstResend is when an unanswered datagram is sent again, to be doubled each time. A
// datagram can get lost without any policy, while a neighbour is being resolved.
const firstResend = 50 * time.Millisecond

// maxResends bounds how often a datagram is sent again.
const maxResends = 5

// maxPortTries bounds the search for a source port that is free.
const maxPortTries = 64

// udpProbe sends a datagram, again a few times, and waits for a reply.
type udpProbe struct {
	sends sends
}

// sends keeps count of what became of a probe's packets.
type sends struct {
	gone  int    // accepted by the kernel
	eaten int    // refused with EPERM: how a local packet filter drops
	other string // the last other error that says nothing about the path
}

// note counts one send; it returns the error when it ends the probe.
func (s *sends) note(err error) error {
	switch {
	case err == nil:
		s.gone++
	case errors.Is(err, syscall.EPERM):
		s.eaten++
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		s.other = err.Error()
	default:
		return err
	}
	return nil
}

// silence is the result when nothing came back. Packets that never left prove nothing;
// those that a filter on the own machine dropped were dropped.
func (s *sends) silence(a *attempt) (wire.Result, string) {
	r, text := silence(a, wire.Now())
	switch {
	case r != wire.Dropped:
	case s.gone == 0 && s.eaten == 0:
		return wire.Inconclusive, "nothing could be sent: " + s.other
	case s.eaten > 0:
		text = fmt.Sprintf("send: %v (EPERM) %d times: dropped on the own machine", syscall.EPERM, s.eaten)
	}
	return r, text
}

func (p *udpProbe) start(a *attempt) {
	fd, err := udpSocket(a.c.ports, a.target)
	if err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	a.fd = fd
	a.arm()
	if err := syscall.Connect(fd, sockaddr(a.target.Addr)); err != nil {
		a.fail("connect", err)
		return
	}
	a.local = localAddr(fd)
	if err := a.c.loop.add(fd, evIn|evEdge, func(uint32) { p.read(a) }); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	p.send(a, firstResend, maxResends)
}

// udpSocket is a socket with a fresh source port.
func udpSocket(ports *portPicker, t wire.Target) (int, error) {
	f := familyOf(t.Addr.Addr())
	fd, err := newSocket(f, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return -1, err
	}
	if err = reportICMP(fd, f); err == nil {
		err = bindFresh(fd, f, func() uint16 { return ports.next(t.Protocol, t.Addr) })
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bindFresh binds to the first port that is free.
func bindFresh(fd int, f family, next func() uint16) error {
	var err error
	for range maxPortTries {
		if err = bindTo(fd, f, next()); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// send sends the datagram and comes back for it after wait.
func (p *udpProbe) send(a *attempt, wait time.Duration, again int) {
	if a.over {
		return
	}
	payload := []byte(wire.BarePayload)
	if !a.target.Bare {
		payload = wire.AppendAsk(nil, a.target.Nonce)
	}
	_, err := syscall.Write(a.fd, payload)
	if err = p.sends.note(os.NewSyscallError("send", err)); err != nil {
		a.fail("send", err)
		return
	}
	if next := wire.Now() + wait; again > 0 && next < a.deadline {
		a.at(next, func() { p.send(a, 2*wait, again-1) })
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
		r, text := p.sends.silence(a)
		a.finish(r, "", text)
	}
}
