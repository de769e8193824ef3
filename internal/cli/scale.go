package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/profile"
	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/scale/summary"
	"github.com/netassay/netassay/testbed"
)

// scaleFlags are what netassay scale can be told.
type scaleFlags struct {
	bed     bed
	hollow  string // who plays hollow nodes
	cfg     scalerun.Config
	kwok    string // path of its program; "" is not used
	engines []string
	args    []string      // of the reference enforcer
	late    time.Duration // that engines are told of everything too late
	repeats int
	// dryRun and agentCost are of clusters that were there before.
	dryRun, agentCost bool

	profile string
	bounds  string
	// footprint is what engines are judged by when only their cost is measured.
	footprint *v1.Limits
	size      profile.Profile // of which only what has a flag counts
	out       string
}

func newScaleFlags(offers ...string) scaleFlags {
	f := scaleFlags{
		bed:     newBed(offers, "engine", "nodes", "restricted", "keep"),
		cfg:     scalerun.DefaultConfig(),
		repeats: 1,
		bounds:  "auto",
	}
	f.bed.Engine, f.bed.Nodes, f.bed.Beside = "none", 2, true // a run starts and ends engines itself
	return f
}

func newScale(stdio IO) *cobra.Command {
	f := newScaleFlags(testbed.BuiltIn()...)
	f.agentCost = true
	c := &cobra.Command{
		Use:   "scale",
		Short: "Measure engines at 250 nodes and 20,000 pods: convergence, leaks, memory",
		Long: `Starts a lab of two real nodes, fills it with hollow nodes, hollow pods and policies,
starts an engine on the first node and changes one thing after the other, while one-way UDP
streams show, packet by packet, when each change took effect. Several engines, and several
repeats, are measured one after the other, each in a lab of its own. On kind, engines run
beside two workers' containers, as programs of this machine in the workers' networks.

On an existing cluster the engine that is installed there is measured, from outside, under real
pods (--pods) and policies in namespaces of the run's own, which are deleted at the end. What
that costs the cluster is printed first; --dry-run prints it and stops.

The load is a profile: a name, a line of key=value words, or both ("headline pods=5000").
The flags of its size change what the profile says.

Exit code 0: within the bounds, if there are some. 1: beyond one. 2: the run itself failed,
or its controls did not hold, so that its figures mean nothing. 130: interrupted; what was
seen until then is kept and marked unfinished.`,
		Example: `  netassay scale
  netassay scale --nodes 20 --pods 1000 --policies 50 --local-pods 10 --samples 10 --bounds smoke
  netassay scale --provider kind --hollow kwok --nodes 20 --pods 1000 --policies 50 --local-pods 10 --samples 10
  netassay scale --provider existing --context my-cluster --pods 100 --policies 200 --dry-run
  netassay scale --engine reference,kube-router --ip-family ipv4 --profile "npm-docs families=ipv4" --seed 7`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.complete(c); err != nil {
				return err
			}
			return runScale(c.Context(), stdio, f)
		},
	}
	f.registerSubject(c.Flags(), []string{"--default-deny-unknown"})
	f.registerLoad(c.Flags())
	f.registerChanges(c.Flags())
	f.registerLimits(c.Flags())
	c.Flags().StringVar(&f.bounds, "bounds", f.bounds, "what an engine is judged by: headline, smoke, none; auto is headline for the reference enforcer at that size, else none")
	f.registerGuest(c.Flags())
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "existing: print what would be made, changed and sent, and how long it takes, and stop")
	c.AddCommand(newScaleCompare(stdio), newScaleGrowth(stdio), newScaleClaims(stdio))
	return c
}

// registerSubject adds what is measured, and where.
func (f *scaleFlags) registerSubject(flags *pflag.FlagSet, args []string) {
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	flags.StringVar(&f.hollow, "hollow", hollowAuto, "who plays hollow nodes: own (the run writes their status), kwok (KWOK's controller); auto is own on the lab, kwok on kind")
	flags.StringSliceVar(&f.engines, "engine", []string{"reference"}, "engines under test, one after the other (see netassay engines); all: the reference enforcer and its peers")
	flags.StringSliceVar(&f.args, "enforcer-args", args, "arguments of the reference enforcer")
	flags.DurationVar(&f.late, "late", 0, "tell engines of everything this much late: a slowdown that a comparison must show")
	flags.IntVar(&f.repeats, "repeats", f.repeats, "how often each engine is measured; engines take turns")
	flags.DurationVar(&f.cfg.Timing.Start, "start-deadline", f.cfg.Timing.Start, "for an engine to come into sync")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-"+f.label()+")")
}

// registerLoad adds what the cluster is filled with.
func (f *scaleFlags) registerLoad(flags *pflag.FlagSet) {
	flags.StringVar(&f.profile, "profile", "headline", "the load: a name, a line of key=value words, or both")
	flags.IntVar(&f.size.Nodes, "nodes", 250, "hollow nodes")
	flags.IntVar(&f.size.Pods, "pods", 20000, "hollow pods; on an existing cluster, real ones")
	flags.IntVar(&f.size.Policies, "policies", 1000, "policies")
	flags.IntVar(&f.size.Namespaces, "namespaces", 100, "namespaces of pods and policies")
	flags.IntVar(&f.size.Local, "local-pods", 80, "real pods on the engine's node")
	flags.Uint64Var(&f.size.Seed, "seed", 1, "of the load and of its churn")
}

// registerChanges adds what is changed, how often and at what pace.
func (f *scaleFlags) registerChanges(flags *pflag.FlagSet) {
	flags.IntVar(&f.cfg.Samples, "samples", f.cfg.Samples, "samples of each kind of change")
	flags.IntVar(&f.cfg.NewPods, "new-pods", f.cfg.NewPods, "samples of a new pod's isolation")
	flags.IntVar(&f.cfg.CIDRs, "cidrs", f.cfg.CIDRs, "CIDRs of the policy that is edited")
	flags.IntVar(&f.cfg.Cycles, "cycles", f.cfg.Cycles, "times that load comes and goes, for the slope of memory")
	flags.IntVar(&f.cfg.Rounds, "rounds", f.cfg.Rounds, "times that many pods come and go at once")
	flags.Float64SliceVar(&f.cfg.Churn.Rates, "churn-rates", f.cfg.Churn.Rates, "changes of the load per second, one rate after the other")
	flags.DurationVar(&f.cfg.Churn.For, "churn-for", f.cfg.Churn.For, "how long each rate lasts")
	flags.Float64Var(&f.cfg.PodChurn.Rate, "pod-churn-rate", f.cfg.PodChurn.Rate, "pod events per second while an agent's processor time is measured")
	flags.DurationVar(&f.cfg.PodChurn.For, "pod-churn-for", f.cfg.PodChurn.For, "how long; 0 leaves it out")
	flags.DurationVar(&f.cfg.Timing.Interval, "interval", f.cfg.Timing.Interval, "time between packets of a flow")
	flags.DurationVar(&f.cfg.Timing.Deadline, "deadline", f.cfg.Timing.Deadline, "after which a change counts as never done")
	flags.DurationVar(&f.cfg.Timing.Phase, "phase-time", f.cfg.Timing.Phase, "for all changes of a kind; what was measured until then counts")
	flags.DurationVar(&f.cfg.Timing.Settle, "settle", f.cfg.Timing.Settle, "how long an engine must rest before its memory is read")
	flags.StringSliceVar(&f.cfg.Skip, "skip", nil, "phases to leave out: "+strings.Join(scalerun.Optional(), ", "))
}

// registerLimits adds what a run must stay within.
func (f *scaleFlags) registerLimits(flags *pflag.FlagSet) {
	l := &f.cfg.Limits
	flags.Float64Var(&l.MaxForeign, "max-foreign", l.MaxForeign, "share of the processors that other work on the host may take")
	flags.Float64Var(&l.MaxMissed, "max-missed", l.MaxMissed, "share of packets that senders may be too late for")
	flags.DurationVar(&l.MaxBlind, "max-blind", l.MaxBlind, "how long a sender may be silent when a verdict changes")
	flags.Float64Var(&l.MaxVoid, "max-void", l.MaxVoid, "share of samples that may be void")
}

// label tells result directories apart.
func (f *scaleFlags) label() string {
	switch {
	case f.cfg.Footprint:
		return "footprint"
	case f.cfg.Edits != nil:
		return "claims"
	}
	return "scale"
}

// everyEngine stands for the engines that are compared with each other.
const everyEngine = "all"

// complete makes the configuration of the flags.
func (f *scaleFlags) complete(c *cobra.Command) (err error) {
	if i := slices.Index(f.engines, everyEngine); i >= 0 {
		f.engines = slices.Replace(f.engines, i, i+1, registry.Compared(c.Context())...)
	}
	if err := f.checkPlace(); err != nil {
		return err
	}
	if f.onGuest() {
		if err := f.asGuest(c.Flags()); err != nil {
			return err
		}
	}
	p := &f.cfg.Profile
	if *p, err = profile.Parse(f.profile); err != nil {
		return err
	}
	pods := &p.Pods
	if f.onGuest() {
		pods = &p.Local
	}
	for flag, field := range map[string]struct{ loaded, given *int }{
		"nodes": {&p.Nodes, &f.size.Nodes}, "pods": {pods, &f.size.Pods}, "policies": {&p.Policies, &f.size.Policies},
		"namespaces": {&p.Namespaces, &f.size.Namespaces}, "local-pods": {&p.Local, &f.size.Local},
	} {
		if c.Flags().Changed(flag) {
			*field.loaded = *field.given
		}
	}
	if c.Flags().Changed("seed") {
		p.Seed = f.size.Seed
	}
	return errors.Join(f.check(), f.cfg.Check())
}

// The ways to have hollow nodes and pods.
const (
	hollowAuto = "auto" // own on the lab, kwok on others
	hollowOwn  = "own"  // the run writes their status
	hollowKwok = "kwok" // a controller of KWOK plays their kubelets
)

func (f *scaleFlags) checkPlace() error {
	return errors.Join(f.bed.check(), suggest.OneOf("--hollow value", f.hollow, hollowAuto, hollowOwn, hollowKwok))
}

// byKwok reports whether KWOK plays the hollow nodes.
func (f *scaleFlags) byKwok() bool {
	return f.hollow == hollowKwok || f.hollow == hollowAuto && f.bed.Provider == testbed.Kind
}

func (f *scaleFlags) check() error {
	for i, e := range f.engines {
		if f.onGuest() {
			break // nobody has named it
		}
		entry, err := registry.Lookup(e)
		if err != nil {
			return err
		}
		if f.cfg.Footprint && entry.Plugged() {
			return fmt.Errorf("engine %s serves no pod that is older than its agent, and a footprint is that of a start beside 80: measure it by netassay scale", e)
		}
		if f.bed.Provider == testbed.Kind && entry.Version != "" {
			return fmt.Errorf("engine %s is measured on --provider %s only: on %s it would run as root among this machine's files", e, testbed.Lab, testbed.Kind)
		}
		if slices.Contains(f.engines[:i], e) {
			return fmt.Errorf("--engine has %s twice: --repeats measures engines more than once", e)
		}
	}
	switch {
	case len(f.engines) == 0:
		return errors.New("--engine is empty: give one or more, see netassay engines")
	case f.late < 0 || f.late > 10*time.Second:
		return fmt.Errorf("--late %v: give 0 to 10s", f.late)
	case f.dryRun && !f.onGuest():
		return fmt.Errorf("--dry-run is for --provider %s: other clusters are the run's own", testbed.Existing)
	case f.repeats < 1 || f.repeats > 100:
		return fmt.Errorf("--repeats %d: give 1 to 100", f.repeats)
	}
	return suggest.OneOf("--bounds value", f.bounds, "auto", "headline", "smoke", "none")
}

// limitsOf are those that an engine is judged by, nil for none.
func (f *scaleFlags) limitsOf(engine string) *v1.Limits {
	p := f.cfg.Profile
	switch {
	case f.cfg.Footprint && engine == "reference":
		return f.footprint
	case f.cfg.Edits != nil && engine == "reference":
		return &v1.Limits{LeakPackets: ptr.To[uint64](0)}
	case f.cfg.Footprint, f.cfg.Edits != nil:
	case f.bounds == "headline", f.bounds == "auto" && engine == "reference" && p.Pods <= 20000 && p.Policies <= 1000:
		return scalerun.HeadlineLimits()
	case f.bounds == "smoke":
		return scalerun.SmokeLimits()
	}
	return nil
}

func runScale(ctx context.Context, stdio IO, f scaleFlags) error {
	if f.onGuest() {
		return runGuest(ctx, stdio, f)
	}
	// Found, or built, while there still is a network.
	for _, name := range f.engines {
		entry, err := registry.Lookup(name)
		if err == nil && entry.Preflight != nil {
			err = testbed.Unfit(entry.Preflight())
		}
		if err == nil {
			_, err = entry.Build(ctx, binaries.Finder(stdio.Err))
		}
		if err != nil {
			return err
		}
	}
	if f.byKwok() {
		var err error
		if f.kwok, err = binaries.Finder(stdio.Err)(ctx, hollow.KwokProgram); err != nil {
			return err
		}
	}
	return f.bed.inside(ctx, stdio, &f.out, f.label(), func(ctx context.Context) error { return scaleAll(ctx, stdio, f) })
}

// scaleAll measures all engines in turn and leaves the results, whatever happens.
func scaleAll(ctx context.Context, stdio IO, f scaleFlags) error {
	dir, err := reports.Open(f.out, f.bed.watch)
	if err != nil {
		return err
	}
	var d v1.ScaleData
	record := dir.Into(&d)
	record(f.conditions(stdio.command))
	var failed error
	for i := range f.repeats * len(f.engines) {
		name, repeat := f.engines[i%len(f.engines)], i/len(f.engines)
		fmt.Fprintf(stdio.Err, "=== %s, turn %d of %d\n", name, i+1, f.repeats*len(f.engines))
		measure := scaleOne
		if f.onGuest() {
			measure = scaleGuest
		}
		err := measure(ctx, stdio, f, record, v1.Turn{Engine: name, Repeat: repeat})
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil { // the others can still be measured
			fmt.Fprintf(stdio.Err, "netassay: %s: %v\n", name, err)
		}
	}
	d.Run.Finished = time.Now().UTC()
	sum, err := writeScale(dir, &d)
	return stdio.end(f.out, sum.Verdict, failed, err, render.ScaleText(stdio.Out, &d, &sum))
}

// writeScale ends the result directory of a run with what is derived from its records.
func writeScale(dir *reports.Directory, d *v1.ScaleData) (v1.ScaleSummary, error) {
	sum := summary.Of(d)
	return sum, dir.Scale(d, &sum, func(w io.Writer) error { return compare.WriteBench(w, summary.Side(d)) })
}

// conditions are what the run is made under.
func (f *scaleFlags) conditions(command []string) *v1.ScaleConditions {
	t := f.cfg.Timing
	return &v1.ScaleConditions{
		Schema: v1.ScaleSchema, ID: filepath.Base(f.out), Tool: version, Command: command, Cluster: f.bed.Provider, Kubernetes: binaries.Version, Kernel: kernelRelease(),
		CPUs: runtime.NumCPU(), Memory: hostMemory(), Profile: f.cfg.Profile.String(),
		Churn:   f.changes(),
		Timing:  v1.ScaleTiming{Period: milliseconds(t.Interval), Hold: milliseconds(flows.Hold), Deadline: milliseconds(t.Deadline)},
		Started: time.Now().UTC(),
	}
}

// changes is a line about what is changed. It is compared between runs, of older versions
// too: what it says of the churn, which is no longer a choice, it says as they did.
func (f *scaleFlags) changes() string {
	pods := fmt.Sprintf("%g pod events/s for %v", f.cfg.PodChurn.Rate, f.cfg.PodChurn.For)
	if f.cfg.Footprint {
		return pods
	}
	if e := f.cfg.Edits; e != nil {
		return fmt.Sprintf("%d edits, %d deletions and creations of a policy of each of %v ipBlocks, the next %v after each; %d restarts", e.N, e.Deletions, e.Blocks, e.Pace, e.Restarts)
	}
	line := fmt.Sprintf("rate=1 burst=0 quiet=0s for=%v mix=replace:1,except:1,unexcept:1,rotate:1,recreate:1,podlabel:1,nslabel:1,restart:1 replace=0.1 seed=%d",
		f.cfg.Churn.For, f.cfg.Profile.Seed)
	line += fmt.Sprintf(" rates=%v samples=%d cidrs=%d rounds=%d", f.cfg.Churn.Rates, f.cfg.Samples, f.cfg.CIDRs, f.cfg.Rounds)
	without := slices.DeleteFunc(slices.Clone(f.cfg.Skip), func(phase string) bool { return phase == scalerun.PodChurnPhase })
	if f.cfg.PodChurn.For > 0 && len(without) == len(f.cfg.Skip) {
		line += ", " + pods
	}
	if len(without) > 0 {
		line += " without " + strings.Join(without, ", ")
	}
	return line
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
