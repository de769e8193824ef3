package testbed

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"k8s.io/klog/v2"

	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
)

func startKind(ctx context.Context, o Options, log Log, t *Testbed) error {
	if err := t.redirectKlog(log.Dir); err != nil {
		return err
	}
	c, err := kind.Start(ctx, kind.Config{Topology: o.Topology, NodeImage: o.NodeImage, LogDir: log.Dir, Progress: log.Say})
	if err != nil {
		return err
	}
	t.onDown(func(ctx context.Context, failed bool) error { return closeKind(ctx, c, o.Keep, failed, log.Say) })
	t.Cluster, t.Containers = c, true
	t.ImageSeconds, t.ClusterSeconds = &c.ImageSeconds, &c.ClusterSeconds
	t.Began = time.Now().Add(-time.Duration(c.ClusterSeconds * float64(time.Second)))
	if !o.Beside {
		return nil
	}
	b, err := c.Beside(ctx, log.Dir)
	if err != nil {
		return err
	}
	t.onDown(func(context.Context, bool) error { return b.Close() })
	t.Cluster, t.Died = besideKind{c, b.Nodes()}, b.Died()
	return nil
}

// besideKind is a cluster of kind of which only the workers are used.
type besideKind struct {
	*kind.Cluster
	workers []engines.Node
}

func (k besideKind) EngineNodes() []engines.Node { return k.workers }

func (k besideKind) Nodes() []string {
	var names []string
	for _, n := range k.workers {
		names = append(names, n.Name())
	}
	return names
}

// logsTimeout bounds the collecting of logs, so that enough of downTimeout is left for the
// rest.
const logsTimeout = 30 * time.Second

// closeKind takes a cluster down. When anything failed the nodes' logs are kept; those that
// can't be had in time go with the cluster.
func closeKind(ctx context.Context, c *kind.Cluster, keep, failed bool, say func(string)) error {
	if failed {
		logs, cancel := context.WithTimeout(ctx, logsTimeout)
		defer cancel()
		if err := bounded(logs, "collect logs", func() error { return c.ExportLogs(logs) }); err != nil {
			say(err.Error())
		}
	}
	if keep {
		c.Keep()
		say(fmt.Sprintf("kept: kubectl --kubeconfig %s get pods -A; netassay clean --all removes it", c.Kubeconfig()))
		return c.Close(ctx)
	}
	start := time.Now()
	if err := c.Close(ctx); err != nil {
		return err
	}
	say(fmt.Sprintf("cluster %s is gone (%.1f s)", c.Name(), time.Since(start).Seconds()))
	return nil
}

// redirectKlog keeps from the terminal what client-go has to say to itself, which is mostly
// that streams have ended that we have closed, until t is down. It goes to a file in dir,
// or nowhere without one.
func (t *Testbed) redirectKlog(dir string) error {
	discard := slog.New(slog.DiscardHandler)
	if dir == "" {
		klog.SetSlogLogger(discard)
		t.onDown(func(context.Context, bool) error { klog.ClearLogger(); return nil })
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make log directory: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, "client-go.log"))
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(file, nil)))
	t.onDown(func(context.Context, bool) error {
		klog.SetSlogLogger(discard) // for what still ends
		return file.Close()
	})
	return nil
}
