//go:build linux

package agent

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Port is one port to listen on.
type Port struct {
	Number   uint16
	Protocol string // wire.TCP, wire.UDP or wire.SCTP
}

// Config of a prober.
type Config struct {
	Name     string // "namespace/pod"
	Listen   []Port
	Families []family
	Gather   time.Duration // how long events wait for others to be written with
}

// session is a running prober.
type session struct {
	cfg    Config
	began  time.Duration
	loop   *loop
	in     *inbox
	out    *outbox
	client *client
	server *server
	sender *sender
}

// errEnd is the end that a request asks for.
var errEnd = errors.New("asked to end")

// Run is the resident prober: it answers the requests that in brings until in ends or ctx
// does, or one asks for the end, which is errEnd. A port that can't be had ends it with an
// Error event.
func Run(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	s := &session{cfg: cfg, began: wire.Now(), out: newOutbox(cfg.Gather)}
	var writer, looping sync.WaitGroup
	writeErr := make(chan error, 1)
	writer.Go(func() { writeErr <- s.out.run(out) })
	err := s.open()
	if err == nil {
		s.out.send(wire.Event{Hello: s.hello()})
		s.in.open(in)
		looping.Go(s.loop.run)
		err = s.serve(ctx, writeErr)
		s.loop.stop()
		looping.Wait()
	}
	if err != nil && !errors.Is(err, errEnd) {
		s.out.send(wire.Event{Error: err.Error()})
	}
	s.out.close()
	writer.Wait()
	return err
}

// open makes the parts, all of which work in one loop: a hand-over from one thread to another
// costs as much as a probe.
func (s *session) open() (err error) {
	if s.loop, err = newLoop(); err != nil {
		return err
	}
	s.server = newServer(s.loop, s.out, s.cfg.Name)
	if err := s.server.listen(s.cfg); err != nil {
		return err
	}
	s.client = newClient(s.loop, s.out, rand.Uint64())
	s.sender = newSender(s.loop, s.out, rand.Uint64())
	s.in = newInbox(s.loop, s.take)
	return nil
}

func (s *session) hello() *wire.Hello {
	h := &wire.Hello{
		Version: wire.Version, Name: s.cfg.Name, PID: os.Getpid(), Clock: wire.ClockID(),
		Listening: s.server.listening, Began: s.began,
	}
	if len(s.client.sctp) > 0 {
		h.Capabilities = append(h.Capabilities, wire.CapSCTP)
	}
	if s.server.sawSYN {
		h.Capabilities = append(h.Capabilities, wire.CapSYN)
	}
	return h
}

// serve is until one of the streams, or ctx, ends.
func (s *session) serve(ctx context.Context, writeErr <-chan error) error {
	select {
	case err := <-s.in.ended:
		return err
	case err := <-writeErr:
		return err
	case <-ctx.Done():
		return nil
	}
}

// take does what a line asks for. It runs in the loop.
func (s *session) take(line []byte) error {
	request, err := wire.DecodeRequest(line)
	switch {
	case err == nil && request.End:
		s.out.send(wire.Event{ID: request.ID, At: wire.Now()})
		return errEnd
	case err == nil:
		s.dispatch(request)
	case request.ID != 0:
		s.out.send(wire.Event{ID: request.ID, Error: err.Error()})
	default:
		return err
	}
	return nil
}

func (s *session) dispatch(r wire.Request) {
	switch {
	case len(r.Probe) > 0:
		s.client.probe(r.ID, r.Probe)
	case r.Cancel != 0:
		s.client.cancel(r.Cancel)
	case r.Ping:
		s.out.send(wire.Event{ID: r.ID, At: wire.Now()}) // by the loop that answers others: a sign of life of that
	case r.Collect != 0:
		s.server.collect(r.ID, r.Collect)
	case r.StartStream != nil:
		s.sender.startStream(r.ID, *r.StartStream)
	case r.StopStream != 0:
		s.sender.stopStream(r.ID, r.StopStream)
	}
}
