package cli

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/reports/live"
	v1 "github.com/netassay/netassay/reports/v1"
)

// scrape is where Prometheus can ask a run how far it is.
type scrape struct {
	address string // "" is nowhere
	run     *live.Run
}

func (s *scrape) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.address, "metrics-listen", "", "serve Prometheus's /metrics here while the run goes on, as :9464; without a host on loopback only")
}

// listen opens the address, on the host also when the run will be in a sandbox: a socket stays in
// the network in which it was made. nil is none.
func (s *scrape) listen() (*net.TCPListener, error) {
	if s.address == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen %q: give HOST:PORT, or :PORT for loopback only: %w", s.address, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen %q: %w", s.address, err)
	}
	return l.(*net.TCPListener), nil
}

// handIn opens the address for a run in a sandbox, as the file that it inherits.
func (s *scrape) handIn(stdio IO) (files []*os.File, err error) {
	l, err := s.listen()
	if l == nil || err != nil {
		return nil, err
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("hand in the socket of --metrics-listen: %w", err)
	}
	s.tell(stdio, l)
	return []*os.File{f}, nil
}

func (s *scrape) tell(stdio IO, l net.Listener) {
	stdio.say(fmt.Sprintf("metrics: http://%s/metrics", l.Addr()))
}

// serve begins to answer, on the socket that was handed in where there is one. It ends with end.
func (s *scrape) serve(stdio IO) (end func(), err error) {
	if s.address == "" {
		return func() {}, nil
	}
	var l net.Listener
	if files := sandbox.ExtraFiles(); len(files) > 0 {
		l, err = net.FileListener(files[0])
		_ = files[0].Close()
	} else if l, err = s.listen(); err == nil {
		s.tell(stdio, l)
	}
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	s.run = live.New()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.run.Gatherer(), promhttp.HandlerOpts{EnableOpenMetrics: true}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			stdio.say("trouble: metrics are not served any more: " + err.Error())
		}
	}()
	return func() { _ = server.Close() }, nil
}

// watch counts a record, where somebody may ask.
func (s *scrape) watch(r v1.Record) {
	if s.run != nil {
		s.run.Record(r)
	}
}
