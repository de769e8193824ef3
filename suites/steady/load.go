package steady

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady/account"
)

// segmentLength bounds how much a stream's report has to hold.
const segmentLength = 45 * time.Second

// How many times slower than others the streams of kept and rare flows are.
const (
	seldom = 10
	rarely = 100
)

const defaultPace = 20 * time.Millisecond

// Load is what flows all the time while something else happens: flows whose verdict never
// changes. The fields are set before Start.
type Load struct {
	Backend  string
	Watcher  flows.Watcher
	Interval time.Duration // between packets of a stream
	Connect  time.Duration // that a TCP connection may take
	Pace     time.Duration // between rounds of new TCP connections of one client; 20 ms when 0
	Record   func(...v1.Record)
	// Fresh is how many new TCP connections of each flow in Drop are tried in a round; 1 when 0.
	Fresh      int
	Pass, Drop []flows.Flow
	// Kept are established flows that must pass too, of which there are only streams, ten times
	// slower.
	Kept []flows.Flow
	// Rare are flows that must be dropped too, of which there are only streams, a hundred times
	// slower: what lets them pass does so always.
	Rare []flows.Flow
	// Seen, if not nil, is told of each new connection and the segment that it was begun in, one at
	// a time.
	Seen func(s account.Segment, f flows.Flow, blocked bool, o probe.Observation)
	// Ended, if not nil, is told of each segment that is over, one at a time.
	Ended func(account.Segment)

	mu       sync.Mutex
	segment  account.Segment // Streams is empty while they run
	streams  *flows.Streams
	tally    account.Tally
	recorded int // of its findings
	stop     context.CancelFunc
	stopped  sync.WaitGroup
	failed   error // the first error of a client
}

// Start waits until all flows are right, and then starts them.
func (l *Load) Start(ctx context.Context) error {
	if err := l.Await(ctx); err != nil {
		return err
	}
	if _, err := l.Rotate(ctx, "start", false); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	l.stop = stop
	byClient := map[string]*client{}
	for _, f := range slices.Concat(l.Pass, l.Drop) {
		c := byClient[f.Client]
		if c == nil {
			c = &client{load: l, name: f.Client}
			byClient[f.Client] = c
		}
		blocked, tries := slices.Contains(l.Drop, f), 1
		if blocked {
			tries = max(1, l.Fresh)
		}
		c.add(f, blocked, tries)
	}
	for _, c := range byClient {
		l.stopped.Go(func() { c.connect(running) })
	}
	return nil
}

// Await waits until all flows are right.
func (l *Load) Await(ctx context.Context) error {
	if err := l.Watcher.Await(ctx, l.Pass, true); err != nil {
		return err
	}
	return l.Watcher.Await(ctx, l.Drop, false)
}

// Rotate begins a new segment and gives what was seen in the last one: its streams start
// before those of the last one stop, so that no time is unwatched.
func (l *Load) Rotate(ctx context.Context, phase string, drift bool) (account.Tally, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, err := flows.Start(ctx, l.Watcher.Fleet, l.Pass, probe.Stream{Interval: l.Interval})
	for _, more := range []struct {
		flows []flows.Flow
		like  probe.Stream
	}{
		{l.Drop, probe.Stream{Interval: l.Interval, Blocked: true}},
		{l.Kept, probe.Stream{Interval: seldom * l.Interval}},
		{l.Rare, probe.Stream{Interval: rarely * l.Interval, Blocked: true}},
	} {
		if err == nil {
			err = next.Start(ctx, more.flows, more.like)
		}
	}
	if err != nil {
		return account.Tally{}, err
	}
	return l.replace(ctx, next, account.Segment{Backend: l.Backend, Phase: phase, Drift: drift, Refusing: l.Watcher.Refusing})
}

// replace ends the present segment. It is called with mu held.
func (l *Load) replace(ctx context.Context, next *flows.Streams, segment account.Segment) (account.Tally, error) {
	old, streams := l.segment, l.streams
	l.segment, l.streams = segment, next
	var err error
	var seen account.Tally
	old.Streams, err = streams.Stop(ctx)
	seen.Segment(old)
	if l.Ended != nil {
		l.Ended(old)
	}
	l.tally.Add(seen)
	for ; l.recorded < len(l.tally.Findings); l.recorded++ {
		l.Record(&l.tally.Findings[l.recorded])
	}
	return seen, err
}

// End stops all flows. It is harmless when none were started.
func (l *Load) End(ctx context.Context) error {
	if l.stop != nil {
		l.stop()
	}
	l.stopped.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.replace(ctx, nil, account.Segment{})
	return errors.Join(err, l.failed)
}

// Now is the present segment's name and kind.
func (l *Load) Now() account.Segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segment
}

// Tally is what was counted until now.
func (l *Load) Tally() account.Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally
	t.Findings = slices.Clone(t.Findings)
	return t
}

// MustDrop is how many packets that had to be dropped were counted until now.
func (l *Load) MustDrop() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.UDP.MustDrop
}

// Under runs a phase under load, in segments.
func (l *Load) Under(ctx context.Context, phase string, do func(context.Context) error) error {
	if _, err := l.Rotate(ctx, phase, false); err != nil {
		return err
	}
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
			if _, err := l.Rotate(ctx, phase, false); err != nil && failed == nil {
				failed = err
			}
		}
	}
}

// client makes new connections from one client, over and over.
type client struct {
	load    *Load
	name    string
	flows   []flows.Flow
	blocked []bool
	targets []probe.Target
}

// add has a flow tried n times in each round.
func (c *client) add(f flows.Flow, blocked bool, n int) {
	for range n {
		c.targets = append(c.targets, probe.Target{Cell: len(c.targets), Addr: f.Addr, Protocol: "TCP", Timeout: c.load.Connect})
		c.flows, c.blocked = append(c.flows, f), append(c.blocked, blocked)
	}
}

func (c *client) connect(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(c.load.Pace, defaultPace))
	defer tick.Stop()
	for {
		before := c.load.Now()
		obs, err := c.load.Watcher.Fleet.Probe(ctx, c.name, c.targets)
		if ctx.Err() != nil {
			return
		}
		c.count(before, obs, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// count adds what became of connections that were begun in a segment. What a drift touched,
// before or after, is a drift's.
func (c *client) count(begun account.Segment, obs []probe.Observation, err error) {
	l := c.load
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && l.failed == nil {
		l.failed = fmt.Errorf("connect from %s: %w", c.name, err)
	}
	begun.Drift = begun.Drift || l.segment.Drift
	for i, o := range obs {
		l.tally.Connect(begun, c.flows[i], c.blocked[i], o)
		if l.Seen != nil {
			l.Seen(begun, c.flows[i], c.blocked[i], o)
		}
	}
}
