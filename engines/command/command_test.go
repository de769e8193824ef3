package command_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/command"
)

// node starts nothing but notes what it was asked for.
type node struct {
	name     string
	dies     bool // agents end at once
	stubborn bool // agents end by SIGKILL only
	err      error
	started  []string
	signals  []os.Signal
	done     chan struct{}
}

func (n *node) Name() string                                 { return n.name }
func (n *node) Kubeconfig() string                           { return "/kube/" + n.name }
func (n *node) Run(context.Context, string, ...string) error { return errors.ErrUnsupported }
func (n *node) Do(fn func() error) error                     { return fn() }
func (n *node) Pid() int                                     { return 1 }
func (n *node) Done() <-chan struct{}                        { return n.done }
func (n *node) Start(name string, argv, env []string) (engines.Process, error) {
	if n.err != nil {
		return nil, n.err
	}
	n.started = append([]string{name}, append(argv, env...)...)
	n.done = make(chan struct{})
	if n.dies {
		close(n.done)
	}
	return n, nil
}

func (n *node) Signal(s os.Signal) error {
	n.signals = append(n.signals, s)
	if !n.dies && (!n.stubborn || s == os.Kill) {
		close(n.done)
	}
	return nil
}

func engine(ready func(context.Context, engines.Node) error) *command.Engine {
	return &command.Engine{
		Label: "mine", Env: []string{"LEVEL=debug"}, Ready: ready, Patience: 200 * time.Millisecond,
		Command: func(n engines.Node) []string { return []string{"/agent", "--kubeconfig=" + n.Kubeconfig()} },
	}
}

func TestAgentsStartOnEachNodeAndStop(t *testing.T) {
	var asked atomic.Int32
	e := engine(func(context.Context, engines.Node) error {
		if asked.Add(1) < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	a, b := &node{name: "n1"}, &node{name: "n2"}
	if err := e.Start(t.Context(), []engines.Node{a, b}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mine-n2", "/agent", "--kubeconfig=/kube/n2", "LEVEL=debug"}, b.started); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	if asked.Load() < 4 {
		t.Errorf("asked %d times only", asked.Load())
	}
	if err := e.Stop(t.Context()); err != nil || len(a.signals) != 1 || a.signals[0] != syscall.SIGTERM || len(b.signals) != 1 {
		t.Errorf("stop: %v, signals %v and %v", err, a.signals, b.signals)
	}
}

func TestStubbornAgentsAreKilled(t *testing.T) {
	e, n := engine(nil), &node{name: "n1", stubborn: true}
	if err := e.Start(t.Context(), []engines.Node{n}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no patience at all
	if err := e.Stop(ctx); err != nil || len(n.signals) != 2 || n.signals[1] != os.Kill {
		t.Errorf("stop: %v, signals %v", err, n.signals)
	}
}

func TestWhatKeepsAnEngineFromStarting(t *testing.T) {
	never := func(context.Context, engines.Node) error { return errors.New("caches not synced") }
	for _, tc := range []struct {
		name   string
		engine *command.Engine
		node   *node
		want   string
	}{
		{"dies", engine(never), &node{name: "n1", dies: true}, "ended before it was in sync: see the log mine-n1"},
		{"never ready", engine(never), &node{name: "n1"}, "last: caches not synced"},
		{"can't be started", engine(never), &node{name: "n1", err: errors.New("no such file")}, "start mine on n1: no such file"},
		{"says nothing", &command.Engine{Label: "mine"}, &node{name: "n1"}, "its Label and its Command must be set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.engine.Start(t.Context(), []engines.Node{tc.node})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if tc.name == "never ready" && len(tc.node.signals) == 0 {
				t.Error("the agent was left running")
			}
		})
	}
}

func TestReadyAt(t *testing.T) {
	var ready atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	ask := command.ReadyAt(server.URL)
	if err := ask(t.Context(), &node{}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v of a server that is not ready", err)
	}
	ready.Store(true)
	if err := ask(t.Context(), &node{}); err != nil {
		t.Error(err)
	}
}
