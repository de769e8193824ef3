package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
	kindconfigs "github.com/netassay/netassay/kind-configs"
	scalerun "github.com/netassay/netassay/scale/run"
)

// The ways to have hollow nodes and pods.
const (
	hollowAuto = "auto" // own on the lab, kwok on others
	hollowOwn  = "own"  // the run writes their status
	hollowKwok = "kwok" // a controller of KWOK plays their kubelets
)

// placeFlags say on what cluster scale is measured.
type placeFlags struct {
	lab      labFlags
	provider string
	topology string
	hollow   string

	flags *pflag.FlagSet // to know which were given
}

func (f *placeFlags) register(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.provider, "provider", onLab, "where to run: lab (no Docker) or kind")
	flags.StringVar(&f.lab.family, "ip-family", "dual", "lab: IP families, ipv4, ipv6 or dual")
	flags.StringVar(&f.lab.proxyMode, "proxy-mode", "iptables", "lab: kube-proxy mode, iptables or nftables")
	flags.StringVar(&f.topology, "topology", kindconfigs.Default, "kind: its name, see netassay conformance --help; it needs two workers")
	flags.StringVar(&f.hollow, "hollow", hollowAuto, "who plays hollow nodes: own (the run writes their status), kwok (KWOK's controller); auto is own on the lab, kwok on kind")
}

// check refuses wrong values, and flags that would be without effect.
func (f *placeFlags) check() error {
	if f.provider == onExisting {
		return fmt.Errorf("--provider %s: give %s or %s; of another cluster's nodes an engine's memory can't be read", onExisting, onLab, onKind)
	}
	err := errors.Join(
		oneOf("--provider value", f.provider, onLab, onKind),
		oneOf("--topology value", f.topology, kindconfigs.Names()...),
		oneOf("--hollow value", f.hollow, hollowAuto, hollowOwn, hollowKwok),
		f.lab.check(),
	)
	if err != nil {
		return err
	}
	return withoutEffect(f.flags, map[string][]string{"ip-family": {onLab}, "proxy-mode": {onLab}, "topology": {onKind}}, f.provider)
}

// kwok reports whether KWOK plays the hollow nodes.
func (f *placeFlags) kwok() bool {
	return f.hollow == hollowKwok || f.hollow == hollowAuto && f.provider == onKind
}

// within runs do on a new cluster; what do gets says where to measure.
func (f *placeFlags) within(ctx context.Context, stdio IO, logs string, do func(context.Context, scalerun.Config) error) error {
	if f.provider == onKind {
		return f.onKind(ctx, stdio, logs, do)
	}
	return withLab(ctx, stdio, f.lab, logs, func(ctx context.Context, s *session) error {
		return do(ctx, scalerun.Config{Lab: s.lab, Pool: s.lab.Network().Nodes()[0].Pool(), Sandboxed: true, Dir: logs})
	})
}

// onKind makes a cluster of kind, whose workers are measured from beside their containers.
func (f *placeFlags) onKind(ctx context.Context, stdio IO, logs string, do func(context.Context, scalerun.Config) error) (err error) {
	progress := func(line string) { fmt.Fprintln(stdio.Err, line) }
	c, err := kind.Start(ctx, kind.Config{Topology: f.topology, LogDir: logs, Progress: progress})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endKind(ctx, c, false, err, progress)) }()
	unhush, err := hush(logs)
	if err != nil {
		return err
	}
	defer unhush()
	b, err := c.Beside(ctx, logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return guarded(ctx, b.Died(), func(ctx context.Context) error {
		return do(ctx, scalerun.Config{Lab: besideKind{c, b.Nodes()}, Dir: logs})
	})
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
