package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/chaos/account"
)

// segmentLength bounds how much a stream's report has to hold.
const segmentLength = 45 * time.Second

// connectPace is the time between rounds of new TCP connections of one client.
const connectPace = 20 * time.Millisecond

// load is what flows all the time while faults happen.
type load struct {
	r     *run
	flows []flow

	mu       sync.Mutex
	segment  account.Segment // Streams is empty while they run
	ids      []probe.StreamID
	tally    account.Tally
	stop     context.CancelFunc
	stopped  sync.WaitGroup
	connects error // the first error of a client
}

// newLoad are the flows whose verdict never changes.
func (r *run) newLoad() *load {
	l := &load{r: r}
	l.flows = append(l.flows, r.flows(account.MustPass, server, near, far)...)
	l.flows = append(l.flows, r.flows(account.MustDrop, server, badNear, badFar)...)
	return l
}

// start waits until all flows are right, and then starts them.
func (l *load) start(ctx context.Context, phase string) error {
	if err := l.await(ctx); err != nil {
		return err
	}
	if err := l.rotate(ctx, phase, false, false); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	l.stop = stop
	for _, client := range []string{near, far, badNear, badFar} {
		l.stopped.Go(func() { l.connect(running, client) })
	}
	return nil
}

// await waits until all flows are right.
func (l *load) await(ctx context.Context) error {
	n := slices.IndexFunc(l.flows, func(f flow) bool { return f.Duty == account.MustDrop })
	if err := l.r.awaitVerdict(ctx, l.flows[:n], true); err != nil {
		return err
	}
	return l.r.awaitVerdict(ctx, l.flows[n:], false)
}

// rotate begins a new segment: its streams start before those of the last one stop, so
// that no time is unwatched. With last, none start.
func (l *load) rotate(ctx context.Context, phase string, drift, last bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, ids := l.segment, l.ids
	l.ids = nil
	if !last {
		for _, f := range l.flows {
			id, err := l.r.fleet.StartStream(ctx, f.Client, probe.Stream{Addr: f.addr, Interval: l.r.cfg.Timing.Interval, Blocked: f.Duty == account.MustDrop})
			if err != nil {
				return err
			}
			l.ids = append(l.ids, id)
		}
	}
	l.segment = account.Segment{Backend: l.r.cfg.Backend, Phase: phase, Drift: drift}
	var errs []error
	for i, id := range ids {
		report, err := l.r.fleet.StopStream(ctx, id)
		errs = append(errs, err)
		old.Streams = append(old.Streams, account.Stream{Flow: l.flows[i].Flow, Report: report})
	}
	l.tally.Segment(old)
	return errors.Join(errs...)
}

// end stops all flows.
func (l *load) end(ctx context.Context) error {
	l.stop()
	l.stopped.Wait()
	return errors.Join(l.rotate(ctx, "", false, true), l.connects)
}

// now is the present segment's name and kind.
func (l *load) now() account.Segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segment
}

// connect makes new connections from one client, over and over.
func (l *load) connect(ctx context.Context, client string) {
	var mine []flow
	var targets []probe.Target
	for _, f := range l.flows {
		if f.Client == client {
			targets = append(targets, probe.Target{Cell: len(mine), Addr: f.addr, Protocol: "TCP", Timeout: l.r.cfg.Timing.Connect})
			mine = append(mine, f)
		}
	}
	tick := time.NewTicker(connectPace)
	defer tick.Stop()
	for {
		before := l.now()
		obs, err := l.r.fleet.Probe(ctx, client, targets)
		if ctx.Err() != nil {
			return
		}
		after := l.now()
		l.mu.Lock()
		if err != nil && l.connects == nil {
			l.connects = fmt.Errorf("connect from %s: %w", client, err)
		}
		before.Drift = before.Drift || after.Drift
		for i, o := range obs {
			l.tally.Connect(before, mine[i].Flow, o)
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// during runs a phase under load, in segments.
func (l *load) during(ctx context.Context, phase string, do func(context.Context) error) error {
	return l.r.phase(phase, func() error {
		if err := l.rotate(ctx, phase, false, false); err != nil {
			return err
		}
		return l.rotating(ctx, phase, do)
	})
}

func (l *load) rotating(ctx context.Context, phase string, do func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	tick := time.NewTicker(segmentLength)
	defer tick.Stop()
	var failed error
	for {
		select {
		case err := <-done:
			return errors.Join(err, failed)
		case <-tick.C:
			if err := l.rotate(ctx, phase, false, false); err != nil && failed == nil {
				failed = err
			}
		}
	}
}

// editing edits the large policy at random intervals while do runs.
func (r *run) editing(ctx context.Context, do func(context.Context) error) error {
	editCtx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	random := rand.New(rand.NewPCG(r.cfg.Seed, uint64(r.edits.Load())))
	go func() {
		for pause(editCtx, time.Duration(50+random.IntN(250))*time.Millisecond) == nil {
			if err := r.edit(ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	err := do(ctx)
	stop()
	return errors.Join(err, <-done)
}

// pause waits for a part of the plan that is a length of time: the pace of faults, an
// outage. Nothing is taken to be true because it ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
