package probe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// helloPatience is how long a prober may take to say hello when the context sets no bound.
const helloPatience = 15 * time.Second

// Fleet is all resident probers of a run. Its methods may be called from many goroutines.
type Fleet struct {
	book   *book
	rhythm rhythm

	mu      sync.Mutex
	probers map[string]*prober
	streams map[uint64]started
	gaps    map[string][]gap
	closed  bool
}

// NewFleet is a fleet without probers.
func NewFleet() *Fleet {
	return &Fleet{
		book: newBook(), rhythm: steady(), probers: map[string]*prober{},
		streams: map[uint64]started{}, gaps: map[string][]gap{},
	}
}

// Add opens the stream to the prober of a pod, waits for its hello and measures its clock.
// A prober of that name that is there already is replaced. From then on, until Remove, a
// stream that is lost is opened again by the same dial; see Interrupted.
func (f *Fleet) Add(ctx context.Context, name string, d Dial) error {
	f.Remove(name)
	p, err := f.open(ctx, name, d)
	if err != nil {
		return err
	}
	if !f.put(p) {
		return fmt.Errorf("add prober %s: fleet is closed", name)
	}
	go f.keep(p, d)
	return nil
}

// open opens a stream.
func (f *Fleet) open(ctx context.Context, name string, d Dial) (*prober, error) {
	ctx, cancel := context.WithTimeout(ctx, helloPatience)
	defer cancel()
	stream, err := d(ctx)
	if err != nil {
		return nil, fmt.Errorf("open stream to prober %s: %w", name, err)
	}
	p, err := greet(ctx, name, stream, f.book)
	if err != nil {
		return nil, fmt.Errorf("add prober %s: %w", name, err)
	}
	return p, nil
}

// put makes a prober known; false when the fleet is closed.
func (f *Fleet) put(p *prober) bool {
	f.mu.Lock()
	old, closed := f.probers[p.name], f.closed
	if !closed {
		f.probers[p.name] = p
	}
	f.mu.Unlock()
	if old != nil && !closed {
		old.remove()
	}
	if closed {
		p.remove()
	}
	return !closed
}

// End asks a prober to end, and with it the container whose main process it is. The prober
// has said that it will when this returns without an error; an error leaves it open, because
// the answer may be lost with the container. It is still to be removed.
func (f *Fleet) End(ctx context.Context, name string) error {
	p, err := f.prober(name)
	if err != nil {
		return err
	}
	_, err = p.ask(ctx, wire.Request{End: true})
	return err
}

// Remove closes the stream of a prober whose pod goes away. Probes that are under way
// through it become Inconclusive.
func (f *Fleet) Remove(name string) {
	f.mu.Lock()
	p := f.probers[name]
	delete(f.probers, name)
	f.mu.Unlock()
	if p != nil {
		p.remove()
	}
}

// Close removes all probers.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for _, name := range f.Names() {
		f.Remove(name)
	}
	return nil
}

// Names are the probers that were added and not removed, sorted; some may have died.
func (f *Fleet) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.probers))
}

// Err is why the prober can't be used, nil when it can.
func (f *Fleet) Err(name string) error {
	_, err := f.prober(name)
	return err
}

// Ping is the prober's heartbeat: nil when that part of it that answers other probers
// answers before ctx ends.
func (f *Fleet) Ping(ctx context.Context, name string) error {
	p, err := f.prober(name)
	if err != nil {
		return err
	}
	return p.ping(ctx)
}

// Clock is how the prober's clock relates to ours; ok is false for an unknown prober.
func (f *Fleet) Clock(name string) (c Clock, ok bool) {
	p, err := f.prober(name)
	if err != nil {
		return Clock{}, false
	}
	return p.getClock(), true
}

// Capabilities are what the prober can do: wire.CapSCTP, wire.CapSYN.
func (f *Fleet) Capabilities(name string) []string {
	p, err := f.prober(name)
	if err != nil {
		return nil
	}
	return slices.Clone(p.hello.Capabilities)
}

// Receipt is the receiver's evidence of a probe by its nonce. It is known for at least
// 30 s after it came.
func (f *Fleet) Receipt(nonce uint64) (Receipt, bool) {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	return f.book.nonce(nonce)
}

// prober is the prober of that name, when it is alive.
func (f *Fleet) prober(name string) (*prober, error) {
	f.mu.Lock()
	p := f.probers[name]
	f.mu.Unlock()
	if p == nil {
		return nil, fmt.Errorf("no prober %s", name)
	}
	return p, p.failure()
}

// all are the probers that are alive, and the names of those that are not.
func (f *Fleet) all() (alive []*prober, dead []string) {
	for _, name := range f.Names() {
		if p, err := f.prober(name); err == nil {
			alive = append(alive, p)
		} else {
			dead = append(dead, name)
		}
	}
	return alive, dead
}
