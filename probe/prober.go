package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// prober is the stream to one resident prober.
type prober struct {
	name   string
	stream io.ReadWriteCloser
	book   *book
	hello  wire.Hello
	ended  chan struct{} // closed when the stream has ended
	// removed is closed when the fleet wants it no more, whether its stream has ended or not.
	removed chan struct{}
	heard   atomic.Int64 // when its last event came
	since   time.Duration
	again   bool // there was a stream to it before this one

	mu     sync.Mutex
	clock  Clock
	calls  map[uint64]func(wire.Event, error) // answers to come; false error: the event
	lastID uint64
	lines  [][]byte // to be written
	wake   chan struct{}
	err    error // why the stream ended
}

// errRemoved is why the stream of a prober ends that Remove or Close ended.
var errRemoved = errors.New("prober was removed")

// greet starts to use the stream: it waits for the hello and measures the clock.
func greet(ctx context.Context, name string, stream io.ReadWriteCloser, b *book) (*prober, error) {
	p := &prober{
		name: name, stream: stream, book: b, ended: make(chan struct{}), removed: make(chan struct{}),
		calls: map[uint64]func(wire.Event, error){}, wake: make(chan struct{}, 1),
	}
	hello := make(chan wire.Hello, 1)
	go p.read(hello)
	go p.write()
	select {
	case p.hello = <-hello:
	case <-p.ended:
		return nil, p.failure()
	case <-ctx.Done():
		p.end(ctx.Err())
		return nil, fmt.Errorf("wait for hello: %w", ctx.Err())
	}
	if err := p.check(); err != nil {
		p.end(err)
		return nil, err
	}
	if err := p.syncClock(ctx); err != nil {
		p.end(err)
		return nil, err
	}
	p.since = Now()
	return p, nil
}

// unfitError is why a prober is of no use, however often it is asked.
type unfitError struct{ error }

func unfitf(format string, args ...any) error { return unfitError{fmt.Errorf(format, args...)} }

// Unfit says of an error of Add that trying again would give the same: the prober is not of
// this release, or not that of the pod that was asked for.
func Unfit(err error) bool {
	var unfit unfitError
	return errors.As(err, &unfit)
}

func (p *prober) check() error {
	switch {
	case p.hello.Version != wire.Version:
		return unfitf("prober speaks version %d, want %d: use a probe image of this release", p.hello.Version, wire.Version)
	case p.hello.Name != p.name:
		return unfitf("prober is called %q, want %q: the stream leads to another pod", p.hello.Name, p.name)
	}
	return nil
}

// read handles events until the stream ends. It never waits for anybody else.
func (p *prober) read(hello chan<- wire.Hello) {
	lines := wire.NewReader(p.stream)
	for {
		line, err := lines.Line()
		if err != nil {
			p.end(fmt.Errorf("stream of prober %s ended: %w", p.name, err))
			return
		}
		ev, err := wire.DecodeEvent(line)
		p.heard.Store(int64(Now()))
		switch {
		case err != nil:
			p.end(fmt.Errorf("prober %s talks nonsense: %w", p.name, err))
			return
		case ev.Hello != nil:
			select {
			case hello <- *ev.Hello:
			default: // a second hello changes nothing
			}
		case ev.ID != 0:
			p.answered(ev)
		case len(ev.Receipts) > 0:
			p.book.add(p.name, p.translate, ev.Receipts)
		case ev.Error != "":
			p.end(fmt.Errorf("prober %s gave up: %s", p.name, ev.Error))
			return
		}
	}
}

func (p *prober) answered(ev wire.Event) {
	p.mu.Lock()
	on := p.calls[ev.ID]
	p.mu.Unlock()
	if on != nil {
		on(ev, nil)
	}
}

// write sends what call queued, and what comes right after it along with it: each message
// may have a long way.
func (p *prober) write() {
	for {
		select {
		case <-p.wake:
		case <-p.ended:
			return
		}
		select {
		case <-time.After(gather):
		case <-p.ended:
			return
		}
		p.mu.Lock()
		lines := p.lines
		p.lines = nil
		p.mu.Unlock()
		if len(lines) == 0 {
			continue
		}
		if _, err := p.stream.Write(bytes.Join(lines, nil)); err != nil {
			p.end(fmt.Errorf("stream of prober %s ended: %w", p.name, err))
			return
		}
	}
}

// gather is how long a request waits for others to be sent with.
const gather = 2 * time.Millisecond

// call sends a request and has on called with each answer, or once with the error that
// ends the stream, until forget. on must not block. It never blocks itself.
func (p *prober) call(r wire.Request, on func(wire.Event, error)) (id uint64) {
	p.mu.Lock()
	p.lastID++
	r.ID = p.lastID
	line, err := wire.Encode(r)
	if p.err != nil {
		err = p.err
	}
	if err == nil {
		p.calls[r.ID] = on
		p.lines = append(p.lines, line)
	}
	p.mu.Unlock()
	if err != nil {
		on(wire.Event{}, err)
		return r.ID
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return r.ID
}

func (p *prober) forget(id uint64) {
	p.mu.Lock()
	delete(p.calls, id)
	p.mu.Unlock()
}

// ask sends a request and waits for its one answer.
func (p *prober) ask(ctx context.Context, r wire.Request) (wire.Event, error) {
	type answer struct {
		ev  wire.Event
		err error
	}
	answers := make(chan answer, 1)
	id := p.call(r, func(ev wire.Event, err error) {
		select {
		case answers <- answer{ev, err}:
		default:
		}
	})
	defer p.forget(id)
	select {
	case a := <-answers:
		if a.err == nil && a.ev.Error != "" {
			a.err = fmt.Errorf("prober %s: %s", p.name, a.ev.Error)
		}
		return a.ev, a.err
	case <-ctx.Done():
		return wire.Event{}, fmt.Errorf("wait for prober %s: %w", p.name, ctx.Err())
	}
}

// end closes the stream, once, and fails what waits for answers.
func (p *prober) end(why error) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.err = why
	calls := p.calls
	p.calls = nil
	close(p.ended)
	p.mu.Unlock()
	_ = p.stream.Close() // it is over either way
	for _, on := range calls {
		on(wire.Event{}, why)
	}
}

// remove ends the prober for good; the fleet must call it at most once.
func (p *prober) remove() {
	close(p.removed)
	p.end(errRemoved)
}

func (p *prober) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// clockPings measure a clock.
const clockPings = 8

// syncClock measures the prober's clock, unless it is ours.
func (p *prober) syncClock(ctx context.Context) error {
	if p.hello.Clock != "" && p.hello.Clock == wire.ClockID() {
		p.setClock(Clock{Shared: true})
		return nil
	}
	best := Clock{Error: time.Hour}
	for range clockPings {
		sent := Now()
		ev, err := p.ask(ctx, wire.Request{Ping: true})
		if err != nil {
			return fmt.Errorf("measure clock: %w", err)
		}
		best = tighter(best, offset(sent, ev.At, Now()))
	}
	p.setClock(best)
	return nil
}

// offset is what one ping says: the prober's time was read somewhere between sent and got.
func offset(sent, theirs, got time.Duration) Clock {
	half := (got - sent) / 2
	return Clock{Offset: sent + half - theirs, Error: half + (got-sent)%2}
}

func tighter(a, b Clock) Clock {
	if b.Error < a.Error {
		return b
	}
	return a
}

func (p *prober) setClock(c Clock) {
	p.mu.Lock()
	p.clock = c
	p.mu.Unlock()
}

func (p *prober) getClock() Clock {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock
}

// translate turns the prober's time into the harness's.
func (p *prober) translate(t time.Duration) time.Duration { return t + p.getClock().Offset }

// ping asks for a sign of life.
func (p *prober) ping(ctx context.Context) error {
	_, err := p.ask(ctx, wire.Request{Ping: true})
	return err
}
