package kind

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/internal/flock"
	kindconfigs "github.com/netassay/netassay/kind-configs"
	"github.com/netassay/netassay/model"
)

// Cluster is a running cluster of kind, or what was made of one. It implements
// clusters.Cluster.
type Cluster struct {
	clusters.Cluster // what reaches the API server

	// ImageSeconds is how long its images took, ClusterSeconds how long the rest, from the
	// first container to all nodes being ready.
	ImageSeconds, ClusterSeconds float64

	name     string
	cfg      Config
	raw      []byte // kind's configuration
	spec     *v1alpha4.Cluster
	docker   docker
	provider *cluster.Provider
	claim    *claim
	log      *os.File // what kind's library says
	nodes    []nodes.Node
	rest     *rest.Config
	client   kubernetes.Interface
	keep     bool
	brought  string // the node image, if Docker did not have it before

	interrupted func() bool // the one who wanted the cluster wants nothing any more
}

var _ clusters.Cluster = (*Cluster)(nil)

// closeTime bounds the removal of a cluster and the export of its logs, each.
const closeTime = 5 * time.Minute

// Start makes a cluster and returns when all its nodes are ready and none has a way out.
// When that fails, or ctx ends, everything that was made is removed again, after the nodes'
// logs were written to Config.LogDir. If ctx has ended when the cluster is closed, that was
// an interrupted run, which takes the node image from Docker too if it brought it there.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg = cfg.withDefaults()
	if err := Available(ctx); err != nil {
		return nil, err
	}
	root, err := flock.StateDir("kind")
	if err != nil {
		return nil, err
	}
	c, err := begin(ctx, cfg, root)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		if ctx.Err() == nil {
			err = errors.Join(err, c.ExportLogs(ctx))
		}
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// begin claims the name of a cluster that is wanted until ctx ends. Nothing is in Docker yet.
func begin(ctx context.Context, cfg Config, root string) (*Cluster, error) {
	name, err := clusterName(cfg.ID)
	if err != nil {
		return nil, err
	}
	raw, err := kindconfigs.Config(cfg.Topology)
	if err != nil {
		return nil, err
	}
	spec, err := parse(raw)
	if err != nil {
		return nil, err
	}
	file, err := openLog(cfg.LogDir)
	if err != nil {
		return nil, err
	}
	own, err := take(filepath.Join(root, name))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Cluster{
		name: name, cfg: cfg, raw: raw, spec: spec, docker: dockerCLI, claim: own, log: file,
		provider:    cluster.NewProvider(cluster.ProviderWithLogger(logger{file}), cluster.ProviderWithDocker()),
		interrupted: func() bool { return ctx.Err() != nil },
	}, nil
}

func (c *Cluster) start(ctx context.Context) error {
	m, err := prepare(ctx, c.cfg)
	if m.loaded {
		c.brought = m.nodeImage
	}
	if err != nil {
		return err
	}
	c.ImageSeconds = m.seconds
	return c.up(ctx, m)
}

// openLog opens the file for what kind's library says.
func openLog(dir string) (*os.File, error) {
	name := os.DevNull
	if dir != "" {
		name = filepath.Join(dir, "kind.log")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make log directory: %w", err)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// up makes everything that is in Docker.
func (c *Cluster) up(ctx context.Context, m materials) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if err := c.docker.makeNetwork(ctx, c.name, c.claim.dir, hasIPv6(c.spec)); err != nil {
		return err
	}
	if err := c.create(ctx,
		cluster.CreateWithRawConfig(c.raw),
		cluster.CreateWithNodeImage(m.nodeImage),
		cluster.CreateWithKubeconfigPath(c.claim.kubeconfig()),
		cluster.CreateWithRetain(true), // until the logs are exported
	); err != nil {
		return err
	}
	c.cfg.Progress(fmt.Sprintf("cluster %s: %s, control plane up (%.1f s)", c.name, describe(c.spec), time.Since(began).Seconds()))
	if err := c.connect(); err != nil {
		return err
	}
	places, err := c.furnish(ctx, m)
	if err != nil {
		return err
	}
	if err := c.onNodes(ctx, func(ctx context.Context, n nodes.Node) error { return runScript(ctx, n, closeScript) }); err != nil {
		return fmt.Errorf("take default routes: %w", err)
	}
	names := make([]string, len(places))
	for i, n := range places {
		names[i] = n.Name
	}
	c.Cluster = existing.FromREST(c.rest, c.name, names, familiesOf(places[0]), m.images)
	c.ClusterSeconds = time.Since(began).Seconds()
	c.cfg.Progress(fmt.Sprintf("cluster %s: all nodes ready, no way out (%.1f s)", c.name, c.ClusterSeconds))
	return nil
}

// furnish loads images and connects pods, on all nodes at once, and waits until the
// cluster is fit for use.
func (c *Cluster) furnish(ctx context.Context, m materials) ([]model.Node, error) {
	var places []model.Node
	g, gctx := errgroup.WithContext(ctx)
	for _, a := range m.archives {
		g.Go(func() error {
			return c.onNodes(gctx, func(ctx context.Context, n nodes.Node) error { return load(ctx, n, a) })
		})
	}
	g.Go(func() (err error) {
		if places, err = c.connectPods(gctx); err != nil {
			return err
		}
		return c.awaitReady(gctx)
	})
	return places, g.Wait()
}

// connect makes the clients.
func (c *Cluster) connect() (err error) {
	if c.rest, err = clientcmd.BuildConfigFromFlags("", c.claim.kubeconfig()); err != nil {
		return fmt.Errorf("read kubeconfig of cluster: %w", err)
	}
	c.rest.QPS = -1 // the suite paces itself
	if c.client, err = kubernetes.NewForConfig(c.rest); err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	if c.nodes, err = c.provider.ListInternalNodes(c.name); err != nil {
		return fmt.Errorf("list nodes of cluster: %w", err)
	}
	return nil
}

// onNodes does something on all nodes at once.
func (c *Cluster) onNodes(ctx context.Context, do func(context.Context, nodes.Node) error) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range c.nodes {
		g.Go(func() error {
			if err := do(gctx, n); err != nil {
				return fmt.Errorf("node %s: %w", n, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// Name is the cluster's name, "netassay-<id>".
func (c *Cluster) Name() string { return c.name }

// Kubeconfig is the path of the cluster's own kubeconfig, which lives as long as it.
func (c *Cluster) Kubeconfig() string { return c.claim.kubeconfig() }

// Keep lets the cluster outlive its process: Close then leaves it, and so does Clean,
// unless it is asked for all.
func (c *Cluster) Keep() { c.keep = true }

// LeftError says that something of a cluster could not be removed.
type LeftError struct {
	Cluster string
	Err     error
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("something of cluster %s is left (netassay clean removes it): %v", e.Cluster, e.Err)
}

func (e *LeftError) Unwrap() error { return e.Err }

// Close removes the cluster, all of it. It does its work also when ctx has ended.
func (c *Cluster) Close(ctx context.Context) error {
	defer c.log.Close()
	if c.keep {
		return c.claim.keep()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err := c.docker.remove(ctx, c.name)
	if err == nil && c.interrupted() && c.brought != "" {
		err = c.docker.removeImage(ctx, c.brought)
	}
	if err == nil {
		err = c.claim.release()
	}
	if err != nil {
		return &LeftError{Cluster: c.name, Err: err}
	}
	return nil
}

// ExportLogs writes the nodes' logs to Config.LogDir, also when ctx has ended.
func (c *Cluster) ExportLogs(ctx context.Context) error {
	if c.cfg.LogDir == "" {
		return nil
	}
	if ids, err := c.docker.containers(context.WithoutCancel(ctx), c.name); err != nil || len(ids) == 0 {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c.provider.CollectLogs(c.name, filepath.Join(c.cfg.LogDir, "nodes")) }()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil { // some of many files; what could be had is there
			fmt.Fprintf(c.log, "error: export logs: %v\n", err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("export logs of cluster %s: not done after %s", c.name, closeTime)
	}
}

// services are the subnets of Services.
func (c *Cluster) services() ([]netip.Prefix, error) {
	return prefixes(c.spec.Networking.ServiceSubnet)
}
