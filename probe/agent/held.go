//go:build linux

package agent

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

const (
	// flowIdle is how long a held flow may carry nothing until it is closed.
	flowIdle = time.Minute
	// fillers is how many packets a held flow carries from its first answer on, fillEvery apart,
	// beside those that are answered: a filter may tire of a flow at its thousandth.
	fillers   = 1100
	fillEvery = time.Millisecond
)

// heldFlow is a TCP connection, or a UDP socket with one port, that outlives the probes that
// go over it, one at a time. Once it has been up it is never opened again: what becomes of it
// is what is asked.
type heldFlow struct {
	c       *client
	tcp     bool
	fd      int // -1: none
	local   netip.AddrPort
	up      bool   // the other end has answered, or taken the connection
	over    string // how it came to its end; "" when it has not
	waiting []*attempt
	unread  []byte
	asks    int    // since something came back
	retrans uint32 // until then, of all segments
	filled  int
	used    time.Duration
}

// heldProbe asks over a held flow.
type heldProbe struct{ flow *heldFlow }

func (p *heldProbe) start(a *attempt) {
	f := a.c.flows[a.target.Flow]
	if f == nil {
		if !a.target.Open {
			a.finish(wire.Inconclusive, "", "the flow is not there any more: its prober was started anew")
			return
		}
		a.c.closeIdleFlows()
		f = &heldFlow{c: a.c, tcp: a.target.Protocol == wire.TCP, fd: -1}
		a.c.flows[a.target.Flow] = f
	}
	p.flow, f.used = f, wire.Now()
	if f.waiting = append(f.waiting, a); len(f.waiting) == 1 {
		f.begin(a)
	}
}

// closeIdleFlows closes what nobody asks over any more.
func (c *client) closeIdleFlows() {
	for id, f := range c.flows {
		if len(f.waiting) == 0 && wire.Now()-f.used > flowIdle {
			f.close()
			delete(c.flows, id)
		}
	}
}

// begin has its turn come for an attempt.
func (f *heldFlow) begin(a *attempt) {
	a.arm()
	var err error
	switch {
	case f.over != "":
		a.finish(wire.Refused, "", f.over)
		return
	case f.fd < 0:
		err = f.open(a)
	}
	a.local = f.local
	switch {
	case err != nil:
		a.fail("connect", err)
	case !f.tcp:
		a.transmit()
	case f.up:
		f.ask(a)
	}
}

func (f *heldFlow) open(a *attempt) (err error) {
	events := evIn | evEdge
	if f.tcp {
		events |= evOut
		if f.fd, err = tcpSocket(a); err == nil {
			_ = syscall.SetsockoptInt(f.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // without it fillers share segments
		}
	} else {
		f.fd, err = udpSocket(f.c.ports, a.target)
	}
	if err != nil {
		f.fd = -1
		return err
	}
	err = syscall.Connect(f.fd, sockaddr(a.target.Addr))
	if f.local = localAddr(f.fd); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		f.close()
		return err
	}
	if f.tcp {
		a.sends.gone++
	}
	return f.c.loop.add(f.fd, events, f.ready)
}

func (f *heldFlow) ready(events uint32) {
	if f.tcp && !f.up {
		if events&(evErr|evHup) != 0 {
			err := pendingError(f.fd)
			f.close()
			f.first(func(a *attempt) { a.fail("connect", err) })
			return
		}
		if events&evOut == 0 {
			return
		}
		f.up = true
		f.first(f.ask)
	}
	if events&(evIn|evErr|evHup) != 0 {
		f.read()
	}
}

// first does something with the attempt whose turn it is, if there is one.
func (f *heldFlow) first(do func(a *attempt)) {
	if len(f.waiting) > 0 {
		do(f.waiting[0])
	}
}

func (p *heldProbe) send(a *attempt) { p.flow.ask(a) }

// ask sends an attempt's ask. TCP repeats it by itself.
func (f *heldFlow) ask(a *attempt) {
	if f.write(wire.AppendAsk(nil, a.target.Nonce, a.target.Size), &a.sends) {
		f.asks++
	}
}

// write sends a packet, and reports whether the flow could take it.
func (f *heldFlow) write(p []byte, s *sends) bool {
	_, err := syscall.Write(f.fd, p)
	switch err = s.note(os.NewSyscallError("send", err)); {
	case err == nil:
		return true
	case f.tcp:
		f.end(err)
	default:
		f.first(func(a *attempt) { a.fail("send", err) })
	}
	return false
}

// fill sends the next filler, and has others follow. What becomes of them shows in the asks.
func (f *heldFlow) fill() {
	if f.fd < 0 || f.filled == fillers {
		return
	}
	f.filled++
	f.write([]byte{wire.Filler}, &sends{})
	f.c.loop.at(wire.Now()+fillEvery, f.fill)
}

// read takes in all answers that are there. Those to attempts that are over come late.
func (f *heldFlow) read() {
	var buf [wire.MaxLinePayload]byte
	for f.fd >= 0 {
		n, err := syscall.Read(f.fd, buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil && !f.tcp:
			f.first(func(a *attempt) { a.fail("receive", err) })
			return
		case err != nil, n == 0:
			f.end(err)
			return
		}
		f.take(buf[:n])
	}
}

func (f *heldFlow) take(p []byte) {
	if f.unread = append(f.unread, p...); !f.tcp {
		f.unread = slices.Clone(p)
	}
	for {
		nonce, name, n, ok := wire.ParseLine(f.unread)
		if !ok || n == 0 {
			return
		}
		f.unread = f.unread[n:]
		if f.up, f.asks, f.retrans = true, 0, tcpInfo(f.fd, totalRetrans); f.filled == 0 {
			f.fill()
		}
		f.first(func(a *attempt) {
			if a.target.Nonce == nonce && name != "" {
				a.finish(wire.Connected, name, "")
			}
		})
	}
}

// end is the end of a connection: an answer that it gets no more.
func (f *heldFlow) end(err error) {
	f.over = "the connection was closed by the other end"
	if err != nil {
		f.over = "the connection came to its end: " + err.Error()
	}
	f.close()
	f.first(func(a *attempt) { a.finish(wire.Refused, "", f.over) })
}

func (f *heldFlow) close() {
	if f.fd >= 0 {
		f.c.loop.close(f.fd)
	}
	f.fd = -1
}

func (p *heldProbe) lastLook(a *attempt) {
	f := p.flow
	if f.fd >= 0 && (f.up || !f.tcp) {
		f.read()
	}
	switch {
	case a.over:
		return
	case f.tcp && f.up: // what the kernel sent again counts, since something came back
		a.sends.gone = f.asks + int(tcpInfo(f.fd, totalRetrans)-f.retrans)
	case f.tcp:
		f.close() // and the next probe tries again
	}
	a.silent()
}

// forget ends the wait of an attempt, and gives its turn to the next.
func (p *heldProbe) forget(a *attempt) {
	f := p.flow
	if f == nil {
		return
	}
	i := slices.Index(f.waiting, a)
	if i < 0 {
		return
	}
	f.waiting = slices.Delete(f.waiting, i, i+1)
	if i == 0 && len(f.waiting) > 0 {
		next := f.waiting[0]
		f.c.loop.post(func() {
			if !next.over {
				f.begin(next)
			}
		})
	}
}
