package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
)

// Lab is a Provider of network namespaces on this machine, without Docker or images.
type Lab struct {
	// Engine is under test; when nil, the one that registry knows as EngineName is, and
	// the reference enforcer when that is empty too.
	Engine     engines.Engine
	EngineName string
	Family     string // "ipv4", "ipv6" or "dual"; dual when empty
	ProxyMode  string // "iptables" or "nftables"; iptables when empty
	Nodes      int    // 3 when 0
}

// Check refuses wrong values.
func (p *Lab) Check() error {
	if err := oneOf("-ip-family value", p.Family, "", "ipv4", "ipv6", "dual"); err != nil {
		return err
	}
	if err := oneOf("-proxy-mode value", p.ProxyMode, "", "iptables", "nftables"); err != nil {
		return err
	}
	return checkEngine(p.Engine, p.engineName())
}

// checkEngine refuses the name of an engine that nobody knows, if it is needed.
func checkEngine(engine engines.Engine, name string) error {
	if engine != nil {
		return nil
	}
	_, err := registry.Judged(name)
	return err
}

// oneOf refuses a name of that kind that is not among the valid ones.
func oneOf(kind, name string, valid ...string) error {
	if slices.Contains(valid, name) {
		return nil
	}
	return suggest.Unknown(kind, name, slices.DeleteFunc(valid, func(v string) bool { return v == "" }))
}

func (p *Lab) engineName() string {
	if p.EngineName == "" {
		return "reference"
	}
	return p.EngineName
}

// Prepare finds out what is missing, all of it at once, and builds what can be built:
// inside the sandbox there is no network to get it by.
func (p *Lab) Prepare(ctx context.Context) error {
	var errs []error
	for _, problem := range sandbox.Preflight() {
		errs = append(errs, errors.New(problem.String()))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if _, err := Programs(ctx, os.Stderr); err != nil {
		return err
	}
	_, err := p.build(ctx)
	return err
}

func (p *Lab) build(ctx context.Context) (engines.Engine, error) {
	if p.Engine != nil {
		return p.Engine, nil
	}
	entry, err := registry.Lookup(p.engineName())
	if err != nil {
		return nil, err
	}
	return entry.Build(ctx, binaries.Own)
}

// Programs are what a lab runs, built into the cache when need be; progress may be nil.
func Programs(ctx context.Context, progress io.Writer) (lab.Programs, error) {
	set, err := binaries.Ensure(ctx, binaries.Options{
		Want: []binaries.Name{
			binaries.Etcd, binaries.KubeAPIServer, binaries.KubeControllerManager,
			binaries.KubeProxy, binaries.Agnhost,
		},
		Progress: progress,
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
func (p *Lab) Up(ctx context.Context, log Log) (*Testbed, error) {
	paths, err := Programs(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(ctx, lab.Config{
		Nodes: p.Nodes, Families: p.Family, ProxyMode: p.ProxyMode,
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
	return &Testbed{
		Cluster: l, Engine: engine.Name(), Unsupported: engine.Unsupported(), Died: l.Died(),
		Takedown: func(ctx context.Context, _ bool) error { return errors.Join(engine.Stop(ctx), l.Close()) },
	}, nil
}
