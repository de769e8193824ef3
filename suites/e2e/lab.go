package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
)

// labProvider brings up a lab: network namespaces on this machine.
type labProvider struct {
	engine engines.Engine
	place  place
}

func (p *labProvider) check() error {
	if err := oneOf("-ip-family value", p.place.family, "", "ipv4", "ipv6", "dual"); err != nil {
		return err
	}
	if err := oneOf("-proxy-mode value", p.place.proxyMode, "iptables", "nftables"); err != nil {
		return err
	}
	if p.engine != nil {
		return nil
	}
	_, err := registry.Lookup(p.engineName())
	return err
}

// oneOf refuses a name of that kind that is not among the valid ones.
func oneOf(kind, name string, valid ...string) error {
	if slices.Contains(valid, name) {
		return nil
	}
	return suggest.Unknown(kind, name, slices.DeleteFunc(valid, func(v string) bool { return v == "" }))
}

func (p *labProvider) engineName() string {
	if p.place.engine == "" {
		return "reference"
	}
	return p.place.engine
}

// prepare finds out what is missing, all of it at once, and builds what can be built:
// inside the sandbox there is no network to get it by.
func (p *labProvider) prepare() error {
	var errs []error
	for _, problem := range sandbox.Preflight() {
		errs = append(errs, errors.New(problem.String()))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if _, err := programs(ctx); err != nil {
		return err
	}
	_, err := p.build(ctx)
	return err
}

func (p *labProvider) build(ctx context.Context) (engines.Engine, error) {
	if p.engine != nil {
		return p.engine, nil
	}
	entry, err := registry.Lookup(p.engineName())
	if err != nil {
		return nil, err
	}
	return entry.Build(ctx, binaries.Own)
}

// programs are what a lab runs, built into the cache when need be.
func programs(ctx context.Context) (lab.Programs, error) {
	set, err := binaries.Ensure(ctx, binaries.Options{
		Want: []binaries.Name{
			binaries.Etcd, binaries.KubeAPIServer, binaries.KubeControllerManager,
			binaries.KubeProxy, binaries.Agnhost,
		},
		Progress: os.Stderr,
	})
	if err != nil {
		return lab.Programs{}, err
	}
	probe, err := binaries.Own(ctx, "probe")
	if err != nil {
		return lab.Programs{}, err
	}
	return lab.Programs{
		Etcd:              set.Path(binaries.Etcd),
		APIServer:         set.Path(binaries.KubeAPIServer),
		ControllerManager: set.Path(binaries.KubeControllerManager),
		KubeProxy:         set.Path(binaries.KubeProxy),
		Agnhost:           set.Path(binaries.Agnhost),
		Probe:             probe,
	}, nil
}

// Up implements Provider.
func (p *labProvider) Up(ctx context.Context, log Log) (*Site, error) {
	paths, err := programs(ctx)
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(ctx, lab.Config{
		Nodes: p.place.nodes, Families: p.place.family, ProxyMode: p.place.proxyMode,
		Programs: paths, LogDir: log.Dir, Progress: log.Say,
	})
	if err != nil {
		return nil, err
	}
	engine, err := p.build(ctx)
	if err == nil {
		err = engine.Start(ctx, l.EngineNodes())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start engine: %w", err), l.Close())
	}
	return &Site{
		Cluster: l, Engine: engine.Name(), Unsupported: engine.Unsupported(), Died: l.Died(),
		Down: func(ctx context.Context) error { return errors.Join(engine.Stop(ctx), l.Close()) },
	}, nil
}
