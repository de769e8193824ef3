package testbed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
)

// build makes the engine under test and gives its version. It is nil when the cluster has
// an engine that nobody has named.
func (o Options) build(ctx context.Context) (engines.Engine, string, error) {
	if o.Engine == "" && (o.UnderTest != nil || o.Provider == Existing) {
		return o.UnderTest, "", nil
	}
	return buildNamed(ctx, cmp.Or(o.Engine, defaultEngine))
}

func buildNamed(ctx context.Context, name string) (engines.Engine, string, error) {
	entry, err := registry.Lookup(name)
	if err != nil {
		return nil, "", err
	}
	engine, err := entry.Build(ctx, binaries.Finder(nil))
	return engine, entry.Version, err
}

// putToWork starts the engine on the nodes of the cluster, or deploys it where these are out
// of reach.
func (t *Testbed) putToWork(ctx context.Context, engine engines.Engine, say func(string)) error {
	if engine == nil {
		t.Engine = installed
		return nil
	}
	t.Engine, t.Unsupported = engine.Name(), engine.Unsupported()
	t.Slow, _ = engine.(engines.Slow)
	if e, ok := engine.(engines.Settler); ok {
		t.Settle = func(ctx context.Context, namespaces []string) error {
			return e.Settle(ctx, t.Cluster.REST(), namespaces)
		}
	}
	start := time.Now()
	c, byNode := t.Cluster.(clusters.ByNode)
	d, deployable := engine.(engines.Deployable)
	var err error
	switch {
	case byNode:
		say("starting engine " + engine.Name())
		err = t.start(ctx, engine, c.EngineNodes())
	case deployable:
		err = t.deploy(ctx, d)
	default:
		return nil // of the caller's, and there already
	}
	if err != nil {
		return err
	}
	say(fmt.Sprintf("engine %s in sync on %d nodes (%.1f s)", engine.Name(), len(t.Cluster.Nodes()), time.Since(start).Seconds()))
	return nil
}

// start starts the engine on nodes, and has it stop with the testbed.
func (t *Testbed) start(ctx context.Context, engine engines.Engine, nodes []engines.Node) error {
	if err := engine.Start(ctx, nodes); err != nil {
		return fmt.Errorf("start engine %s: %w", engine.Name(), err)
	}
	t.onDown(func(ctx context.Context, _ bool) error { return engine.Stop(ctx) })
	t.Explainer, _ = engine.(engines.Explainer)
	if k, ok := engine.(engines.Killable); ok {
		t.RestartEngine = func(ctx context.Context, meanwhile func(context.Context) error) error {
			return Restart(ctx, k, nodes, meanwhile)
		}
	}
	return nil
}

// Restart kills the engine's agents on nodes, calls meanwhile, and starts them again, also when
// what was to be done meanwhile was not.
func Restart(ctx context.Context, engine engines.Killable, nodes []engines.Node, meanwhile func(context.Context) error) error {
	if err := engine.Kill(ctx); err != nil {
		return err
	}
	err := meanwhile(ctx)
	if again := engine.Start(ctx, nodes); again != nil {
		err = errors.Join(err, fmt.Errorf("start engine %s again: %w", engine.Name(), again))
	}
	return err
}

// deploy deploys the engine into the cluster, and has it go with the testbed where the
// cluster stays.
func (t *Testbed) deploy(ctx context.Context, engine engines.Deployable) error {
	if t.WasThere && !t.Keep { // else it goes, or stays, with the cluster
		t.onDown(func(ctx context.Context, _ bool) error { return engine.Undeploy(ctx) })
	}
	target := engines.Target{REST: t.Cluster.REST(), Image: t.Cluster.Image, Nodes: t.Cluster.Nodes()}
	if err := engine.Deploy(ctx, target); err != nil {
		return fmt.Errorf("deploy engine %s: %w", engine.Name(), err)
	}
	return nil
}

// ServeLab is the part of a program that runs as a lab which outlives its command: see
// lab.ServeIfAsked.
func ServeLab() {
	lab.ServeIfAsked(func(ctx context.Context, l *lab.Lab, name string) error {
		engine, _, err := buildNamed(ctx, name)
		if err != nil {
			return err
		}
		return (&Testbed{Cluster: l}).putToWork(ctx, engine, func(string) {})
	})
}
