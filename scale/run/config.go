package run

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/profile"
)

// Pool is where the first node's pods get their addresses. A new-pod sample must know the
// address before the pod is there.
type Pool interface {
	Acquire() (int, error)
	Release(n int)
	ReuseSoon(on bool)
	Addrs(n int) []netip.Addr
}

// Config is one run of one engine.
type Config struct {
	Lab    clusters.ByNode
	Guest  *Guest // nil: Lab is the run's own. Else Lab, Pool, Kwok and Engine are not used
	Pool   Pool   // nil: nobody knows an address before its pod, and no new pods are measured
	Kwok   string // path of the program that plays hollow nodes; "": the run does it itself
	Dir    string // for its files
	Engine engines.Engine
	Name   string // of the engine, as asked for
	Judged bool   // by bounds: then it must have been seen at all that was done
	Repeat int    // which of several runs of this engine it is, from 0

	Profile profile.Profile
	Samples int // of each kind of change
	NewPods int // samples of a new pod's isolation
	CIDRs   int // of the policy that is edited
	Cycles  int // of load that comes and goes, for the slope of memory; some more warm up
	Rounds  int // of many pods that come and go at once
	Churn   Churn
	// PodChurn is what the agent's processor time is measured under.
	PodChurn PodChurn
	// Footprint leaves only what tells what an agent costs: its start on the loaded cluster,
	// and pods that come and go. No packet is sent.
	Footprint bool
	// Edits, if given, leaves only what claims about edits of policies are held against.
	Edits *Edits

	Timing Timing
	Limits Limits
	// Skip are phases of Optional to leave out; figures that need them are missing then.
	Skip []string

	// Sandboxed says that the run has namespaces of its own: the memory hierarchy of cgroups
	// can be mounted, and all processes that it sees are its own.
	Sandboxed bool

	// Record takes what the run sees as it goes on, and at its end what of it counts.
	Record func(...v1.Record)
	// Log gets lines of progress.
	Log func(line string)
}

// DefaultConfig is that of the figures in the documentation; engine, cluster and load are
// the caller's to say.
func DefaultConfig() Config {
	return Config{
		Samples: 100, NewPods: 20, CIDRs: 10000, Cycles: 20, Rounds: 5,
		Churn:    Churn{Rates: []float64{1, 10, 20}, For: 20 * time.Second},
		PodChurn: PodChurn{Rate: 100, For: time.Minute},
		Timing:   DefaultTiming(), Limits: DefaultLimits(),
	}
}

// Churn is changes by the clock.
type Churn struct {
	Rates []float64 // changes of the load per second, one after the other
	For   time.Duration
}

// Timing are the paces and patience of a run.
type Timing struct {
	Interval time.Duration // between packets of a stream
	Deadline time.Duration // for a change to become true
	Phase    time.Duration // for all changes of a phase; what was measured until then counts
	Start    time.Duration // for the engine to come into sync
	Lease    time.Duration // between renewals of a hollow node's lease
	Silence  time.Duration // that is taken for dropped where only the pace depends on it
	Settle   time.Duration // that the engine must rest before its memory is read
}

// DefaultTiming is that of the figures in the documentation.
func DefaultTiming() Timing {
	return Timing{
		Interval: time.Millisecond, Deadline: 10 * time.Second, Phase: 10 * time.Minute, Start: 10 * time.Minute,
		Lease: 10 * time.Second, Silence: 60 * time.Millisecond, Settle: 3 * time.Second,
	}
}

// Limits are what a run must stay within to say anything.
type Limits struct {
	MaxForeign float64       // share of all cores that other processes of the host may use
	MaxMissed  float64       // share of their ticks that senders may miss
	MaxBlind   time.Duration // that a sender may be silent when a verdict changes
	MaxVoid    float64       // share of void samples
}

// DefaultLimits suit a machine that does nothing else.
func DefaultLimits() Limits {
	return Limits{MaxForeign: 0.15, MaxMissed: 0.1, MaxBlind: 50 * time.Millisecond, MaxVoid: 0.2}
}

// HeadlineLimits are what the reference enforcer has to keep to at the headline size, on a
// quiet machine.
func HeadlineLimits() *v1.Limits {
	return &v1.Limits{
		P99:         map[string]float64{v1.PolicyCreate: 500, v1.IPBlockEdit: 500},
		LeakPackets: ptr.To[uint64](0), HWM: ptr.To(64.0 * (1 << 20)), Return: ptr.To(1.1), Slope: true,
	}
}

// SmokeLimits hold on a small machine that is busy with other things.
func SmokeLimits() *v1.Limits {
	return &v1.Limits{
		P99:         map[string]float64{v1.PolicyCreate: 5000, v1.IPBlockEdit: 5000},
		LeakPackets: ptr.To[uint64](0), HWM: ptr.To(96.0 * (1 << 20)),
	}
}

// Check refuses wrong values, naming the flag.
func (c *Config) Check() error {
	if err := errors.Join(c.Profile.Check(), c.Edits.Check()); err != nil {
		return err
	}
	least, local := 1, 200
	if c.Guest != nil {
		least, local = 0, profile.MaxLocal
	}
	for _, n := range []struct {
		flag       string
		value      int
		least, max int
	}{
		{"--nodes", c.Profile.Nodes, least, profile.MaxNodes},
		{"--pods", c.Profile.Pods, least, profile.MaxNodes * profile.PerNode},
		{"--samples", c.Samples, 1, 10000},
		{"--new-pods", c.NewPods, 0, 1000},
		{"--cidrs", c.CIDRs, 10, 40000},
		{"--cycles", c.Cycles, 0, 1000},
		{"--rounds", c.Rounds, 1, 1000},
		{"--local-pods", c.Profile.Local, 0, local},
	} {
		if n.value < n.least || n.value > n.max {
			return fmt.Errorf("%s %d: give %d to %d", n.flag, n.value, n.least, n.max)
		}
	}
	for _, name := range c.Skip {
		if err := suggest.OneOf("phase to --skip", name, Optional()...); err != nil {
			return err
		}
	}
	for _, r := range c.Churn.Rates {
		if r <= 0 || r > 1000 {
			return fmt.Errorf("--churn-rates %v: give changes per second, above 0 and up to 1000", r)
		}
	}
	switch {
	case c.PodChurn.For > 0 && !(c.PodChurn.Rate > 0 && c.PodChurn.Rate <= 10000):
		return fmt.Errorf("--pod-churn-rate %v: give pod events per second, above 0 and up to 10000", c.PodChurn.Rate)
	case c.PodChurn.For < 0:
		return fmt.Errorf("--pod-churn-for %v: must not be negative", c.PodChurn.For)
	case c.Timing.Interval < time.Millisecond/2 || c.Timing.Interval > 100*time.Millisecond:
		return fmt.Errorf("--interval %v: give 500µs to 100ms", c.Timing.Interval)
	case c.Timing.Settle < 100*time.Millisecond || c.Timing.Settle > 30*time.Second:
		return fmt.Errorf("--settle %v: give 100ms to 30s", c.Timing.Settle)
	case c.Timing.Deadline < time.Second:
		return fmt.Errorf("--deadline %v: give at least 1s", c.Timing.Deadline)
	case c.Timing.Phase < c.Timing.Deadline:
		return fmt.Errorf("--phase-time %v: give at least the deadline, %v", c.Timing.Phase, c.Timing.Deadline)
	}
	return nil
}

// skips reports whether a phase is left out.
func (c *Config) skips(phase string) bool { return slices.Contains(c.Skip, phase) }

// choice is what a load is told that has these families.
func choice(families []model.Family) model.Families {
	switch {
	case len(families) > 1:
		return model.Dual
	case families[0] == model.IPv6:
		return model.OnlyIPv6
	default:
		return model.OnlyIPv4
	}
}

// home is the cluster.
func (c *Config) home() clusters.Cluster {
	if c.Guest != nil {
		return c.Guest.Cluster
	}
	return c.Lab
}

// families are those that the cluster and the load have and the engine does not lack.
func (c *Config) families() []model.Family {
	lacks := map[model.Family]bool{}
	if c.Engine != nil {
		for _, u := range c.Engine.Unsupported() {
			lacks[u.Family] = true
		}
	}
	var out []model.Family
	for _, f := range c.home().Families() {
		if !lacks[f] && c.Profile.Families.Has(f) {
			out = append(out, f)
		}
	}
	return out
}
