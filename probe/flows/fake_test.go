package flows

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
)

// fakeFleet is probers in front of an engine that enforces a change some time after it was
// made. Its streams are read off the history of verdicts: each packet that was due while
// they were allowed has arrived.
type fakeFleet struct {
	lag time.Duration
	// denies: a flow can be denied. One that can't is allowed whatever is asked for.
	denies bool
	stuck  string // a client that is allowed whatever is asked for
	err    error  // of the start of a second stream

	mu      sync.Mutex
	history []verdict // in order of time
	streams map[probe.StreamID]started
	last    probe.StreamID
}

type verdict struct {
	at    time.Duration
	allow bool
}

type started struct {
	stream probe.Stream
	at     time.Duration
}

func newFake() *fakeFleet {
	return &fakeFleet{denies: true, history: []verdict{{allow: true}}, streams: map[probe.StreamID]started{}}
}

// set is a change: it is answered at once, and is true after the lag.
func (f *fakeFleet) set(allow bool) func(context.Context) error {
	return func(context.Context) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.history = append(f.history, verdict{probe.Now() + f.lag, allow || !f.denies})
		return nil
	}
}

// allowed is the verdict at t.
func (f *fakeFleet) allowed(t time.Duration) (allow bool) {
	for _, v := range f.history {
		if v.at <= t {
			allow = v.allow
		}
	}
	return allow
}

func (f *fakeFleet) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []probe.Observation
	for _, t := range ts {
		o := probe.Observation{Cell: t.Cell, Result: probe.Dropped}
		if f.allowed(probe.Now()) || client == f.stuck {
			o.Result = probe.Connected
		}
		out = append(out, o)
	}
	return out, ctx.Err()
}

func (f *fakeFleet) StartStream(_ context.Context, _ string, s probe.Stream) (probe.StreamID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && len(f.streams) > 0 {
		return 0, f.err
	}
	f.last++
	f.streams[f.last] = started{s, probe.Now()}
	return f.last, nil
}

func (f *fakeFleet) StopStream(_ context.Context, id probe.StreamID) (probe.StreamReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.streams[id]
	if !ok {
		return probe.StreamReport{}, errors.New("no such stream")
	}
	delete(f.streams, id)
	end := probe.Now()
	r := received(uint64((end-s.at)/s.stream.Interval), func(i uint64) bool { return f.allowed(s.at + time.Duration(i)*s.stream.Interval) })
	// received counts from 0, and by the millisecond.
	r.Stream, r.Sender.Start, r.Sender.End = s.stream, s.at, end
	for _, got := range r.Receivers {
		for i := range got.Spans {
			got.Spans[i].FirstAt += s.at
			got.Spans[i].LastAt += s.at
		}
	}
	return r, nil
}
