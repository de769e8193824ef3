//go:build linux

package agent

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// outbox queues events for the harness. send never blocks; one goroutine (run) writes.
type outbox struct {
	mu     sync.Mutex
	ready  sync.Cond
	queue  []byte
	lost   uint64
	closed bool
	// gather is how long what is queued waits for company: each write costs a journey
	// through a container runtime, a kubelet and the API server.
	gather time.Duration
	hurry  chan struct{} // closed with closed
}

func newOutbox(gather time.Duration) *outbox {
	o := &outbox{gather: gather, hurry: make(chan struct{})}
	o.ready.L = &o.mu
	return o
}

// send queues an event. One of receipts is thrown away, and counted, when too much waits.
func (o *outbox) send(e wire.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(e.Receipts) > 0 {
		if len(o.queue) > wire.MaxQueued {
			o.lost += uint64(len(e.Receipts))
			return
		}
		e.Lost = o.lost
	}
	line, err := wire.Encode(e)
	if err != nil {
		// Lists inside events are bounded, so this is a bug; say so to who asked.
		line, _ = wire.Encode(wire.Event{ID: e.ID, Error: err.Error()})
	}
	o.queue = append(o.queue, line...)
	o.ready.Signal()
}

// close lets run end when everything is written.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	close(o.hurry)
	o.ready.Signal()
}

// run writes to w until close, or until w fails: then nobody listens any more.
func (o *outbox) run(w io.Writer) error {
	var spare []byte
	for {
		o.await()
		o.mu.Lock()
		out, end := o.queue, o.closed
		o.queue = spare[:0]
		o.mu.Unlock()
		if len(out) == 0 && end {
			return nil
		}
		if _, err := w.Write(out); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		spare = out
	}
}

// await waits until something is queued, and then for its company.
func (o *outbox) await() {
	o.mu.Lock()
	for len(o.queue) == 0 && !o.closed {
		o.ready.Wait()
	}
	o.mu.Unlock()
	if o.gather <= 0 {
		return
	}
	company := time.NewTimer(o.gather)
	defer company.Stop()
	select {
	case <-company.C:
	case <-o.hurry:
	}
}
