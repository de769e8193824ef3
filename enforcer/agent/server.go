package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/netassay/netassay/enforcer/watch"
)

// stuckAfter is how long the loop may be silent before /healthz says so. It is longer than
// any single tool may take.
const stuckAfter = 5 * time.Minute

// listen opens the address for metrics and health at once, so that a wrong or busy one is
// an error at the start and not a line in the log later.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return l, nil
}

// serve answers until ctx ends.
func serve(ctx context.Context, l net.Listener, m *metrics, s *status, synced func() []watch.Kind) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if silent := time.Since(s.lastBeat()); silent > stuckAfter {
			http.Error(w, fmt.Sprintf("the loop has been silent for %s", silent.Round(time.Second)), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if now := s.get(); !now.Ready {
			http.Error(w, now.Reason+missing(synced()), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// missing names the kinds that have not been listed yet.
func missing(synced []watch.Kind) string {
	text := ""
	for _, k := range watch.Kinds() {
		if !slices.Contains(synced, k) {
			text += " " + string(k)
		}
	}
	if text == "" {
		return ""
	}
	return "; not listed yet:" + text
}
