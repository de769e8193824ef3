package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
)

// world is what fakes have brought up and not yet taken down, and all that they did.
type world struct {
	mu   sync.Mutex
	up   map[string]bool
	did  []string
	fail map[string]error // by deed
}

func newWorld() *world { return &world{up: map[string]bool{}, fail: map[string]error{}} }

// do notes a deed that puts a thing up or takes it down, unless it is to fail.
func (w *world) do(ctx context.Context, deed, thing string, up bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did = append(w.did, deed)
	if err := errors.Join(ctx.Err(), w.fail[deed]); err != nil {
		return fmt.Errorf("%s: %w", deed, err)
	}
	if w.up[thing] == up {
		return fmt.Errorf("%s: it is so already", deed)
	}
	w.up[thing] = up
	return nil
}

// left are the things that are up.
func (w *world) left() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []string
	for thing, up := range w.up {
		if up {
			left = append(left, thing)
		}
	}
	slices.Sort(left)
	return left
}

// start is a starter of a cluster that is made in two parts.
func (w *world) start(c clusters.Cluster, died <-chan error) starter {
	return func(ctx context.Context, _ Options, _ Log, t *Testbed) error {
		for _, part := range []string{"network", "cluster"} {
			if err := w.do(ctx, "make "+part, part, true); err != nil {
				return err
			}
			t.onDown(func(ctx context.Context, failed bool) error {
				if failed {
					w.mu.Lock()
					w.did = append(w.did, "keep logs of "+part)
					w.mu.Unlock()
				}
				return w.do(ctx, "remove "+part, part, false)
			})
		}
		t.Cluster, t.Died = c, died
		return nil
	}
}

// remote is a cluster whose nodes are out of reach.
type remote struct{ clusters.Cluster }

func (remote) Nodes() []string          { return []string{"n1", "n2"} }
func (remote) REST() *rest.Config       { return &rest.Config{} }
func (remote) Image(name string) string { return name }

// near is a cluster whose nodes are within reach.
type near struct{ remote }

func (near) EngineNodes() []engines.Node { return make([]engines.Node, 2) }

// agent is an engine that runs on nodes only.
type agent struct{ w *world }

func (agent) Name() string { return "agent" }
func (agent) Unsupported() []engines.Unsupported {
	return []engines.Unsupported{{Feature: "EndPort"}}
}

func (e agent) Start(ctx context.Context, nodes []engines.Node) error {
	return e.w.do(ctx, fmt.Sprintf("start on %d", len(nodes)), "engine", true)
}

func (e agent) Stop(ctx context.Context) error { return e.w.do(ctx, "stop", "engine", false) }

// mortal is an engine that can be killed.
type mortal struct{ agent }

func (e mortal) Kill(ctx context.Context) error { return e.w.do(ctx, "kill", "engine", false) }

// daemonSet is an engine that can be deployed.
type daemonSet struct{ agent }

func (e daemonSet) Deploy(ctx context.Context, t engines.Target) error {
	return e.w.do(ctx, fmt.Sprintf("deploy to %d", len(t.Nodes)), "engine", true)
}

func (e daemonSet) Undeploy(ctx context.Context) error {
	return e.w.do(ctx, "undeploy", "engine", false)
}
