// Package registry knows the engines by name. It decides nothing but which constructor a
// name stands for.
package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/calico"
	"github.com/netassay/netassay/engines/cilium"
	"github.com/netassay/netassay/engines/denyall"
	"github.com/netassay/netassay/engines/elsewhere"
	"github.com/netassay/netassay/engines/flawed"
	"github.com/netassay/netassay/engines/knp"
	"github.com/netassay/netassay/engines/kuberouter"
	"github.com/netassay/netassay/engines/none"
	"github.com/netassay/netassay/engines/profile"
	"github.com/netassay/netassay/engines/reference"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
)

// Binaries finds the program of that name, building it when it must.
type Binaries func(ctx context.Context, name string) (path string, err error)

// Entry is an engine that can be asked for by name.
type Entry struct {
	Name        string
	Description string
	// Version is that of another project's program, as clusters/binaries builds it; "" when
	// the engine is ours.
	Version string
	// Variant says that it is another entry's program with other options: it is not compared unless
	// asked for by name.
	Variant bool
	// Unfit says why suites can't judge the engine; "" when they can.
	Unfit string
	// Program is the binary that it runs, "" for none.
	Program string
	// Preflight is what the machine lacks for the engine, beside what every lab needs; may be nil.
	Preflight func() []sandbox.Problem
	// New makes the engine from the path of its program.
	New func(path string) engines.Engine
}

// Entries lists the engines in the order in which help shows them.
func Entries() []Entry { return slices.Concat(ours(), peers(), controls()) }

func ours() []Entry {
	return []Entry{
		{
			Name:        "reference",
			Description: "the reference enforcer: iptables and ipset, IPv4 and IPv6",
			Program:     "enforcer",
			New:         func(path string) engines.Engine { return &reference.Engine{Binary: path} },
		},
	}
}

// peers are the programs of other projects.
func peers() []Entry {
	return []Entry{
		{
			Name:        azurenpm.Name,
			Version:     "v1.7.0",
			Description: "Azure Network Policy Manager; its start takes some 3 minutes",
			Program:     azurenpm.Name,
			New:         func(path string) engines.Engine { return azurenpm.New(path) },
		},
		{
			Name:        kuberouter.Name,
			Version:     "v1.6.1",
			Description: "kube-router, as a network policy controller alone",
			Program:     kuberouter.Name,
			New:         func(path string) engines.Engine { return kuberouter.New(path) },
		},
		{
			Name:        calico.Name,
			Version:     "v3.28.4-11-ga0db560f0520",
			Description: "Calico's Felix, its iptables data plane, policy alone",
			Program:     calico.Name,
			New:         func(path string) engines.Engine { return calico.New(path) },
		},
		ciliumAs(cilium.Name, "Cilium's agent, chained behind the lab's network; needs root and clang"),
		ciliumAs(cilium.Jitterless, "the same without the random delay that it has with changes of labels"),
		ciliumAs(cilium.InCluster, "the same with ipBlocks that select pods and nodes too"),
		{
			Name:        knp.Name,
			Version:     "v1.1.0",
			Description: "kube-network-policies: verdicts in user space, by a netfilter queue",
			Program:     knp.Name,
			New:         func(path string) engines.Engine { return knp.New(path) },
		},
		{
			Name:        knp.XTables,
			Version:     "v1.1.0",
			Description: "the same for kernels whose nftables has no queue: by the xtables target NFQUEUE",
			Unfit:       "it is for netassay scale; a kernel that makes it necessary may also lack what lets replies pass (CONFIG_NETFILTER_NETLINK_GLUE_CT)",
			Program:     knp.XTables,
			New:         func(path string) engines.Engine { return knp.NewXTables(path) },
		},
	}
}

func ciliumAs(name, description string) Entry {
	return Entry{
		Name: name, Description: description, Version: "v1.20.2", Program: cilium.Name, Preflight: cilium.Preflight,
		Variant: name != cilium.Name,
		New:     func(path string) engines.Engine { return cilium.New(name, path) },
	}
}

// Profiles are those of all engines that a cluster can have on its Linux nodes. By these alone it
// is recognised.
func Profiles() []profile.Profile {
	return append([]profile.Profile{
		reference.Profile(), azurenpm.Profile(), kuberouter.Profile(), calico.Profile(), cilium.Profile(), knp.Profile(),
	}, elsewhere.Profiles()...)
}

// OnWindows are the profiles of engines on Windows nodes, none of which runs here.
func OnWindows() []profile.Profile {
	return []profile.Profile{azurenpm.OnWindows(), calico.OnWindows()}
}

// controls are known to be wrong, each in its way.
func controls() []Entry {
	return []Entry{
		{
			Name:        "none",
			Description: "enforces nothing: a control that must fail every case with a deny cell",
			New:         func(string) engines.Engine { return none.Engine{} },
		},
		{
			Name:        "deny-all",
			Description: "drops everything between pods: a control that must fail every case with an allow cell",
			New:         func(string) engines.Engine { return &denyall.Engine{} },
		},
		{
			Name:        late,
			Description: "the reference enforcer, told of everything 100 ms late: a control that a measurement must show",
			Program:     "enforcer",
			New: func(path string) engines.Engine {
				return &flawed.Engine{Label: late, Inner: &reference.Engine{Binary: path}, Delay: 100 * time.Millisecond}
			},
		},
		{
			Name:        leaky,
			Description: "the reference enforcer, with everything open for 300 ms at each change: another such control",
			Program:     "enforcer",
			New: func(path string) engines.Engine {
				return &flawed.Engine{Label: leaky, Inner: &reference.Engine{Binary: path}, Leak: 300 * time.Millisecond}
			},
		},
	}
}

// The engines with a known flaw.
const (
	late  = "late-100ms"
	leaky = "leaky-300ms"
)

// Compared are the engines to be measured side by side on this machine: the reference
// enforcer, and of each other project's engine the build that runs on this kernel.
func Compared(ctx context.Context) []string {
	var names []string
	without := knp.XTables
	if knp.LacksQueue(ctx) {
		without = knp.Name
	}
	for _, e := range slices.Concat(ours(), peers()) {
		if e.Name != without && !e.Variant {
			names = append(names, e.Name)
		}
	}
	return names
}

// Names are the names of Entries.
func Names() []string {
	var names []string
	for _, e := range Entries() {
		names = append(names, e.Name)
	}
	return names
}

// Lookup finds an entry by name; the error names the nearest valid ones.
func Lookup(name string) (Entry, error) {
	for _, e := range Entries() {
		if e.Name == name {
			return e, nil
		}
	}
	return Entry{}, suggest.Unknown("engine", name, Names())
}

// Judged finds an engine that suites can judge.
func Judged(name string) (Entry, error) {
	e, err := Lookup(name)
	if err == nil && e.Unfit != "" {
		err = fmt.Errorf("engine %s can't be judged: %s", name, e.Unfit)
	}
	return e, err
}

// Plugged reports whether the engine serves no pod that is older than its agents.
func (e Entry) Plugged() bool {
	_, ok := e.New("").(engines.Plugged)
	return ok
}

// Build makes the engine with the program that find gives.
func (e Entry) Build(ctx context.Context, find Binaries) (engines.Engine, error) {
	var path string
	if e.Program != "" {
		var err error
		if path, err = find(ctx, e.Program); err != nil {
			return nil, fmt.Errorf("find program %s of engine %s: %w", e.Program, e.Name, err)
		}
	}
	return e.New(path), nil
}
