package lab

import (
	"context"
	"io"
	"net"
	"sync"
)

// A door hands connections that come in at a listener, which lives in the host's network
// namespace, to an address in this one.
type door struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

func openDoor(l net.Listener, to string) *door {
	d := &door{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	d.wg.Add(1)
	go d.accept()
	return d
}

// Close closes the listener and all connections.
func (d *door) Close() error {
	err := d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
	return err
}

func (d *door) accept() {
	defer d.wg.Done()
	for {
		outside, err := d.listener.Accept()
		if err != nil {
			// Closed, or out of files: then kubectl is the least of the lab's troubles.
			return
		}
		d.wg.Add(1)
		go d.serve(outside)
	}
}

func (d *door) serve(outside net.Conn) {
	defer d.wg.Done()
	defer d.forget(outside)
	inside, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", d.to)
	if err != nil {
		return
	}
	defer d.forget(inside)
	if !d.remember(outside) || !d.remember(inside) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(outside, inside) })
	both.Go(func() { pipe(inside, outside) })
	both.Wait()
}

// pipe copies until from ends, and says so to the other side.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// remember registers c for Close; it says false when that has come already.
func (d *door) remember(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.conns[c] = struct{}{}
	}
	return !d.closed
}

func (d *door) forget(c net.Conn) {
	c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}
