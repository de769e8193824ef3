package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/netassay/netassay/enforcer/explain"
	"github.com/netassay/netassay/enforcer/watch"
)

// listenAgain is how long to wait for an address that another program has.
const listenAgain = 5 * time.Second

// listen is nil while another program has the address: policies are enforced all the same.
func (a *Agent) listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.cfg.MetricsAddress)
	busy := "metrics, /healthz and /readyz are not served: another program listens on " + a.cfg.MetricsAddress
	switch {
	case err == nil:
		a.degrade(busy, false)
	case errors.Is(err, syscall.EADDRINUSE):
		a.degrade(busy, true)
		return nil, nil
	default:
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return l, nil
}

// serve answers until ctx ends, from when the address is free on if l is nil.
func (a *Agent) serve(ctx context.Context, l net.Listener) {
	for err := error(nil); l == nil && err == nil; l, err = a.listen(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(listenAgain):
		}
	}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		a.log.Error("metrics server failed", "error", err)
	}
}

func (a *Agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, a.status.alive(time.Now())) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reason := a.status.ready(time.Now())
		if reason != "" {
			reason += missing(a.watcher.Synced())
		}
		tell(w, reason)
	})
	mux.Handle("GET "+ExplainPath, local(http.HandlerFunc(a.explain)))
	mux.Handle("GET "+LastChangePath, local(http.HandlerFunc(a.lastChange)))
	if a.cfg.Pprof {
		mux.Handle("GET /debug/pprof/", local(http.HandlerFunc(pprof.Index)))
		mux.Handle("GET /debug/pprof/profile", local(http.HandlerFunc(pprof.Profile)))
		mux.Handle("GET /debug/pprof/trace", local(http.HandlerFunc(pprof.Trace)))
	}
	return mux
}

// tell answers a probe: all is well when there is nothing to say.
func tell(w http.ResponseWriter, reason string) {
	if reason != "" {
		http.Error(w, reason, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// local refuses what comes from elsewhere: policies and memory are not everybody's to see.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "available from this node only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ExplainPath is where an agent explains a flow. Its query is flow=CLIENT,SERVER,PROTOCOL,PORT,
// its answer an explain.Answer as JSON.
const ExplainPath = "/explain"

func (a *Agent) explain(w http.ResponseWriter, r *http.Request) {
	flow, err := explain.ParseFlow(r.URL.Query().Get("flow"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !a.explains.TryLock() { // each takes as much memory as the plan
		w.Header().Set("Retry-After", "1")
		http.Error(w, "another flow is being explained: ask again", http.StatusTooManyRequests)
		return
	}
	defer a.explains.Unlock()
	live := a.live.Load()
	snapshot, ok := a.watcher.Peek()
	if live == nil || !ok {
		http.Error(w, "no policies in force yet"+missing(a.watcher.Synced()), http.StatusServiceUnavailable)
		return
	}
	answer, err := explain.Explain(explain.Question{Flow: flow, Node: a.cfg.Node, Plan: live.Plan, Snapshot: snapshot, Links: live.links})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// LastChangePath is where an agent tells when the last change took effect: a LastChange as
// JSON, or 404 when there was none yet.
const LastChangePath = "/last-change"

// LastChange are the times of the last sync that had a change of the cluster to enforce.
type LastChange struct {
	Seen     time.Time `json:"seen"`     // when the first of its changes had arrived
	Enforced time.Time `json:"enforced"` // when the last call to the kernel had returned
}

func (a *Agent) lastChange(w http.ResponseWriter, _ *http.Request) {
	last := a.done.Load()
	if last == nil {
		http.Error(w, "no change yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(last) // the client may be gone
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
