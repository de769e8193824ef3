package agent

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// flow is a conversation: a ping each interval over one connection, echoed by the other
// end. It begins to count when the first echo is there.
type flow struct {
	s       *sender
	request uint64
	spec    wire.Flow
	fd      int
	beat    *metronome
	unread  []byte
	running bool
	over    bool
	report  wire.FlowReport
}

func (s *sender) startFlow(request uint64, spec wire.Flow) {
	if s.flows[spec.ID] != nil {
		s.fail(request, fmt.Errorf("flow %d runs already", spec.ID))
		return
	}
	f := &flow{s: s, request: request, spec: spec, fd: -1, report: wire.FlowReport{Flow: spec.ID}}
	s.flows[spec.ID] = f
	if err := f.open(); err != nil {
		f.end(err.Error())
		return
	}
	s.loop.at(wire.Now()+spec.Timeout, func() {
		if !f.running {
			f.end("no answer to begin with")
		}
	})
}

func (f *flow) open() (err error) {
	addr := f.spec.Addr
	switch f.spec.Protocol {
	case wire.UDP:
		f.fd, err = udpSocket(f.s.ports, wire.Target{Addr: addr, Protocol: wire.UDP})
	case wire.TCP:
		if f.fd, err = newSocket(familyOf(addr.Addr()), syscall.SOCK_STREAM, 0); err == nil {
			err = resetOnClose(f.fd)
		}
	default:
		err = fmt.Errorf("bad protocol %q of a flow, want TCP or UDP", f.spec.Protocol)
	}
	if err != nil {
		return err
	}
	if err := syscall.Connect(f.fd, sockaddr(addr)); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		_, text := describe("connect", err)
		return errors.New(text)
	}
	f.report.Local = localAddr(f.fd)
	if err := f.s.loop.add(f.fd, evIn|evOut|evEdge, f.ready); err != nil {
		return err
	}
	f.beat, err = newMetronome(f.s.loop, f.spec.Interval, func(uint64) { f.ping() })
	return err
}

func (f *flow) ready(events uint32) {
	if events&evOut != 0 && f.report.Sent == 0 {
		f.ping()
	}
	var buf [4 * wire.MaxLinePayload]byte
	for !f.over {
		n, err := syscall.Read(f.fd, buf[:])
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			return
		case err != nil:
			f.broken("receive", err)
			return
		case n == 0:
			f.end("closed by the other end")
			return
		}
		f.take(buf[:n])
	}
}

// take counts the echoes in p.
func (f *flow) take(p []byte) {
	f.unread = append(f.unread, p...)
	for {
		ask, name, n, ok := wire.ParseLine(f.unread)
		if !ok || n == 0 {
			return
		}
		f.unread = f.unread[n:]
		if ask.Nonce == f.spec.ID && name != "" {
			f.echoed(name)
		}
	}
}

func (f *flow) echoed(name string) {
	r, now := &f.report, wire.Now()
	if !f.running {
		f.running = true
		r.Start = now
		f.s.out.send(wire.Event{ID: f.request, Started: f.spec.ID})
	} else {
		f.gap(now)
	}
	r.Answered, r.LastEcho = name, now
	r.Echoed++
}

// gap lists the time since the last echo, when that was long.
func (f *flow) gap(now time.Duration) {
	r := &f.report
	if silent := now - r.LastEcho; silent > 2*f.spec.Interval {
		o := wire.Outage{From: r.LastEcho, To: now, Count: uint64(silent / f.spec.Interval)}
		r.Gaps, r.Beyond = list(r.Gaps, r.Beyond, o)
	}
}

func (f *flow) ping() {
	if f.over {
		return
	}
	f.report.Sent++
	var buf [64]byte
	_, err := syscall.Write(f.fd, wire.Ask{Nonce: f.spec.ID, Seq: f.report.Sent}.Append(buf[:0]))
	switch {
	case err == nil, errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOBUFS):
		// Nothing to do: it shows as a ping without echo.
	default:
		f.broken("send", err)
	}
}

// broken is an error of the socket. A UDP flow outlives ICMP errors: the policy may change
// back; a TCP connection that has an error is gone.
func (f *flow) broken(step string, err error) {
	_, text := describe(step, err)
	if f.spec.Protocol == wire.UDP && f.running {
		f.report.Err = text
		return
	}
	f.end(text)
}

// end closes the flow. It stays known, so that its report can be had.
func (f *flow) end(why string) {
	if f.over {
		return
	}
	f.over = true
	f.report.End = wire.Now()
	if why != "" {
		f.report.Err = why
	}
	if f.beat != nil {
		f.beat.stop()
	}
	if f.fd >= 0 {
		f.s.loop.close(f.fd)
	}
	if !f.running {
		delete(f.s.flows, f.spec.ID)
		f.s.out.send(wire.Event{ID: f.request, Error: why})
	}
}

func (s *sender) stopFlow(request, id uint64) {
	f := s.flows[id]
	if f == nil || !f.running {
		s.fail(request, fmt.Errorf("no flow %d", id))
		return
	}
	delete(s.flows, id)
	f.end("")
	f.gap(f.report.End)
	s.out.send(wire.Event{ID: request, Flow: &f.report})
}
