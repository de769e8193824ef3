package agent

import (
	"context"
	"errors"
	"fmt"
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
	out    *outbox
	client *client
	server *server
	sender *sender
}

// Run is the resident prober: it answers the requests that in brings until in ends or ctx
// does. A port that can't be had ends it with an Error event.
func Run(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	s := &session{cfg: cfg, began: wire.Now(), out: newOutbox(cfg.Gather)}
	var writers, loops sync.WaitGroup
	writeErr := make(chan error, 1)
	writers.Go(func() { writeErr <- s.out.run(out) })
	err := s.open()
	if err == nil {
		s.out.send(wire.Event{Hello: s.hello()})
		for _, l := range s.loops() {
			loops.Go(l.run)
		}
		err = s.serve(ctx, in, writeErr)
		for _, l := range s.loops() {
			l.stop()
		}
		loops.Wait()
	}
	if err != nil {
		s.out.send(wire.Event{Error: err.Error()})
	}
	s.out.close()
	writers.Wait()
	return err
}

// loops are those of the session. Probes are made and answered by one: each hand-over from one
// thread to another costs as much as a probe. The sender keeps time by its own.
func (s *session) loops() []*loop { return []*loop{s.server.loop, s.sender.loop} }

func (s *session) open() error {
	var loops [2]*loop
	for i := range loops {
		var err error
		if loops[i], err = newLoop(); err != nil {
			return err
		}
	}
	s.server = newServer(loops[0], s.out, s.cfg.Name)
	if err := s.server.listen(s.cfg); err != nil {
		return err
	}
	s.client = newClient(loops[0], s.out, rand.Uint64())
	s.sender = newSender(loops[1], s.out, rand.Uint64())
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

// serve hands requests to the loops until one of the streams, or ctx, ends.
func (s *session) serve(ctx context.Context, in io.Reader, writeErr <-chan error) error {
	readErr := make(chan error, 1)
	go func() { readErr <- s.read(in) }() // ends with the process when in never does
	select {
	case err := <-readErr:
		return err
	case err := <-writeErr:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *session) read(in io.Reader) error {
	lines := wire.NewReader(in)
	for {
		line, err := lines.Line()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read requests: %w", err)
		}
		request, err := wire.DecodeRequest(line)
		switch {
		case err == nil:
			s.dispatch(request)
		case request.ID != 0:
			s.out.send(wire.Event{ID: request.ID, Error: err.Error()})
		default:
			return err
		}
	}
}

func (s *session) dispatch(r wire.Request) {
	c, sv, sn := s.client, s.server, s.sender
	switch {
	case len(r.Probe) > 0:
		c.loop.post(func() { c.probe(r.ID, r.Probe) })
	case r.Cancel != 0:
		c.loop.post(func() { c.cancel(r.Cancel) })
	case r.Ping:
		// Through the loop that answers others: a sign of life of that.
		sv.loop.post(func() { s.out.send(wire.Event{ID: r.ID, At: wire.Now()}) })
	case r.Collect != 0:
		sv.loop.post(func() { sv.collect(r.ID, r.Collect) })
	case r.StartStream != nil:
		sn.loop.post(func() { sn.startStream(r.ID, *r.StartStream) })
	case r.StopStream != 0:
		sn.loop.post(func() { sn.stopStream(r.ID, r.StopStream) })
	}
}
