//go:build linux

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

	ctx    context.Context // ends all connections
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func openDoor(l net.Listener, to string) *door {
	d := &door{listener: l, to: to}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.wg.Go(d.accept)
	return d
}

// Close closes the listener and all connections.
func (d *door) Close() error {
	err := d.listener.Close()
	d.cancel()
	d.wg.Wait()
	return err
}

func (d *door) accept() {
	for {
		outside, err := d.listener.Accept()
		if err != nil {
			// Closed, or out of files: then kubectl is the least of the lab's troubles.
			return
		}
		d.wg.Go(func() { d.serve(outside) })
	}
}

func (d *door) serve(outside net.Conn) {
	defer outside.Close()
	inside, err := (&net.Dialer{}).DialContext(d.ctx, "tcp", d.to)
	if err != nil {
		return
	}
	defer inside.Close()
	stop := context.AfterFunc(d.ctx, func() {
		outside.Close()
		inside.Close()
	})
	defer stop()
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
