package flawed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
)

// proxy stands between an engine and the API server.
type proxy struct {
	delay   time.Duration
	changed func() // called when a watch has told of something; may be nil
	leak    *leak

	listener net.Listener
	server   *http.Server
	done     chan error
}

// start listens on the node's loopback.
func (p *proxy) start(n engines.Node, cfg *rest.Config) error {
	upstream, err := url.Parse(cfg.Host)
	if err != nil {
		return err
	}
	onNode := rest.CopyConfig(cfg)
	onNode.Dial = sandbox.DialIn(n.Do)
	rt, err := rest.TransportFor(onNode)
	if err != nil {
		return err
	}
	err = n.Do(func() (err error) {
		p.listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	reverse := &httputil.ReverseProxy{
		Transport: rt, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		ModifyResponse: func(r *http.Response) error {
			changed := p.changed
			if r.Request.URL.Query().Get("watch") == "" {
				changed = nil
			}
			r.Body = newLate(r.Body, p.delay, changed)
			return nil
		},
	}
	p.server = &http.Server{Handler: reverse, ReadHeaderTimeout: 10 * time.Second}
	p.done = make(chan error, 1)
	go func() { p.done <- p.server.Serve(p.listener) }()
	return nil
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

func (p *proxy) close(ctx context.Context) error {
	err := p.server.Close()
	select {
	case served := <-p.done:
		if !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	case <-ctx.Done():
	}
	if p.leak != nil {
		err = errors.Join(err, p.leak.end())
	}
	return err
}

// chunk is what was read at a time.
type chunk struct {
	at   time.Time
	data []byte
	err  error
}

// queued bounds what is held back: lists are long.
const queued = 4096

// late is a body of which each byte comes by a delay later, in order: bytes that came
// together stay together, and one that waits does not make those behind it wait longer.
type late struct {
	body    io.ReadCloser
	delay   time.Duration
	changed func()
	chunks  chan chunk
	stop    chan struct{}
	once    sync.Once
	rest    chunk
}

func newLate(body io.ReadCloser, delay time.Duration, changed func()) *late {
	l := &late{body: body, delay: delay, changed: changed, chunks: make(chan chunk, queued), stop: make(chan struct{})}
	go l.fill()
	return l
}

func (l *late) fill() {
	for {
		buf := make([]byte, 32<<10)
		n, err := l.body.Read(buf)
		select {
		case l.chunks <- chunk{time.Now(), buf[:n], err}:
		case <-l.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read waits until the next bytes are due.
func (l *late) Read(p []byte) (int, error) {
	for len(l.rest.data) == 0 {
		if l.rest.err != nil {
			return 0, l.rest.err
		}
		select {
		case l.rest = <-l.chunks:
		case <-l.stop:
			return 0, io.ErrClosedPipe
		}
		if err := l.wait(); err != nil {
			return 0, err
		}
		if l.changed != nil && len(l.rest.data) > 0 {
			l.changed()
		}
	}
	n := copy(p, l.rest.data)
	l.rest.data = l.rest.data[n:]
	return n, nil
}

func (l *late) wait() error {
	select {
	case <-time.After(time.Until(l.rest.at.Add(l.delay))):
		return nil
	case <-l.stop:
		return io.ErrClosedPipe
	}
}

// Close ends the reading of the body.
func (l *late) Close() error {
	l.once.Do(func() { close(l.stop) })
	return l.body.Close()
}
