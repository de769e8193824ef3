package testbed

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
)

// deployable is the engine that is to be deployed where nodes are out of reach: engine, or
// when that is nil the one that registry knows as name.
func deployable(ctx context.Context, engine engines.Engine, name string) (engines.Deployable, error) {
	if engine == nil {
		entry, err := registry.Lookup(name)
		if err != nil {
			return nil, err
		}
		if engine, err = entry.Build(ctx, binaries.Own); err != nil {
			return nil, err
		}
	}
	d, ok := engine.(engines.Deployable)
	if !ok {
		return nil, fmt.Errorf("engine %s can't be deployed to a cluster: it works on -provider lab only", engine.Name())
	}
	return d, nil
}

// deploy puts an engine to work on a cluster. What it could not finish it takes away.
func deploy(ctx context.Context, d engines.Deployable, c clusters.Cluster, say func(string)) error {
	start := time.Now()
	target := engines.Target{REST: c.REST(), Image: c.Image, Nodes: c.Nodes()}
	if err := d.Deploy(ctx, target); err != nil {
		return fmt.Errorf("deploy engine %s: %w", d.Name(), err)
	}
	say(fmt.Sprintf("engine %s in sync on %d nodes (%.1f s)", d.Name(), len(target.Nodes), time.Since(start).Seconds()))
	return nil
}

// hush keeps out of the test's output what client-go has to say to itself, which is mostly
// that streams have ended that we have closed. It goes to a file in dir.
func hush(dir string) (undo func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, "client-go.log"))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	klog.LogToStderr(false)
	klog.SetOutput(file)
	return func() {
		klog.Flush()
		klog.SetOutput(io.Discard)
		file.Close()
	}, nil
}
