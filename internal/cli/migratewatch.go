package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/changeover"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// watchFlags are what netassay migrate watch can be told.
type watchFlags struct {
	bed      bed
	timing   changeover.Timing
	from, to string
	purge    bool
	rolling  bool
	gap      time.Duration
	duration time.Duration
	most     int // nodes
	out      string
}

func newMigrateWatch(stdio IO) *cobra.Command {
	f := watchFlags{bed: newBed([]string{testbed.Lab, testbed.Existing}, "engine", "proxy-mode"), timing: changeover.DefaultTiming()}
	c := &cobra.Command{
		Use:   "watch",
		Short: "Watch flows on every node while the engine changes: what is open or cut off, where, for how long",
		Long: `Puts four small pods on each node and two policies into a namespace of their own, and sends
packets and opens connections all the time that the policies allow, and that they deny.

On the lab it also makes the change: it starts the engine --from, stops it, takes away what
that leaves unless told otherwise, starts the engine --to, and says for how long which node
was open or cut off. --from and --to may be the same, as in an upgrade.

On a cluster of yours (--provider existing) you change the engine while it watches; it ends
after --duration or by Ctrl-C, and tells at once when a node has policies that nobody enforces.

Exit code 0: nothing leaked, nothing was lost. 1: something was open or cut off. 2: the run
itself failed, or saw too little. 130: interrupted (on the lab).`,
		Example: `  netassay migrate watch --from azure-npm --to reference
  netassay migrate watch --from reference --to reference --rolling --hold 5m
  netassay migrate watch --from reference --to reference --purge --gap 10s
  netassay migrate watch --provider existing --context aks-prod --duration 2h`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("purge") {
				f.purge = f.from != f.to
			}
			return f.run(c.Context(), stdio, c.Flags().Changed)
		},
	}
	flags := c.Flags()
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	flags.StringVar(&f.from, "from", "", "lab: the engine that is there before ("+strings.Join(registry.Names(), ", ")+")")
	flags.StringVar(&f.to, "to", "", "lab: the engine that is there afterwards; none leaves the nodes without")
	flags.BoolVar(&f.rolling, "rolling", false, "lab: change one node after the other")
	flags.BoolVar(&f.purge, "purge", false, "lab: take away what the old engine left, as a new image of the node does (default: when --from and --to differ)")
	flags.DurationVar(&f.gap, "gap", 0, "lab: how long no engine is at work on a node")
	flags.DurationVar(&f.timing.Hold, "hold", f.timing.Hold, "lab: how long to watch before the change, and after it")
	flags.DurationVar(&f.duration, "duration", 0, "existing: how long to watch; 0 is until Ctrl-C")
	flags.IntVar(&f.most, "max-nodes", 20, "how many nodes to watch at most, four pods on each")
	flags.DurationVar(&f.timing.Interval, "interval", f.timing.Interval, "time between two packets of a flow")
	flags.DurationVar(&f.timing.Deadline, "deadline", f.timing.Deadline, "how long pods may take to run, and flows to become right")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-migrate)")
	return c
}

// labOnly are flags about a change that the run itself makes.
func labOnly() []string { return []string{"from", "to", "rolling", "purge", "gap", "hold"} }

func (f *watchFlags) check(changed func(string) bool) error {
	if err := f.bed.check(); err != nil {
		return err
	}
	switch {
	case f.timing.Interval < time.Millisecond:
		return fmt.Errorf("--interval %v is too short: give at least 1ms", f.timing.Interval)
	case f.timing.Deadline <= 0 || f.timing.Hold < 0 || f.gap < 0 || f.duration < 0:
		return errors.New("--deadline must be above 0, and --hold, --gap and --duration not below")
	case f.most < 1:
		return fmt.Errorf("--max-nodes %d: give at least 1", f.most)
	}
	if f.bed.Provider == testbed.Existing {
		for _, name := range labOnly() {
			if changed(name) {
				return fmt.Errorf("--%s is for the lab: on a cluster of yours you change the engine, and this watches", name)
			}
		}
		return nil
	}
	if f.from == "" || f.to == "" {
		return errors.New("--from and --to are missing: give the engines before and after, such as --from azure-npm --to reference")
	}
	if changed("duration") {
		return errors.New("--duration is for --provider existing: on the lab the change has an end, give --hold")
	}
	if f.from == "none" {
		return errors.New("--from none: flows must be right before the change, so give an engine that enforces")
	}
	for _, name := range []string{f.from, f.to} {
		entry, err := registry.Judged(name)
		if err != nil {
			return err
		}
		if entry.Plugged() {
			return fmt.Errorf("%s serves no pod that is older than its agent, and this watches pods that stay: choose another engine", name)
		}
	}
	return nil
}

func (f *watchFlags) run(ctx context.Context, stdio IO, changed func(string) bool) error {
	if err := f.check(changed); err != nil {
		return err
	}
	label := "migrate"
	if f.bed.Provider == testbed.Lab {
		f.bed.Engine, label = "none", "migrate-"+f.from+"-"+f.to // the run itself starts and stops engines
	}
	if err := f.prepare(ctx, stdio); err != nil {
		return err
	}
	return f.bed.inside(ctx, stdio, &f.out, label, func(ctx context.Context) error {
		return f.bed.run(ctx, stdio, filepath.Join(f.out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			return f.onBed(ctx, stdio, t)
		})
	})
}

// prepare builds the engines where there is a network, outside of a sandbox.
func (f *watchFlags) prepare(ctx context.Context, stdio IO) error {
	if f.bed.Provider != testbed.Lab {
		return nil
	}
	for _, name := range []string{f.from, f.to} {
		if _, err := buildEngine(ctx, name, stdio.Err); err != nil {
			return err
		}
	}
	return nil
}

// onBed watches, and leaves the results, whatever happens.
func (f *watchFlags) onBed(ctx context.Context, stdio IO, t *testbed.Testbed) error {
	objects := f.objects(t)
	if err := t.Fit(ctx, func() clusters.Needs { return changeover.Needs(objects) }, stdio.say); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(t.Cluster.REST())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	dir, err := reports.Open(f.out, f.bed.watch)
	if err != nil {
		return err
	}
	var run v1.MigrationRun
	record := dir.Into(&run)
	agents := rollOf(t, record, stdio.say)
	record(f.conditions(ctx, stdio, t, objects.ID, agents))
	if all := len(t.Cluster.Nodes()); all > f.most {
		record(&v1.Note{Text: fmt.Sprintf("%d of %d nodes are watched (--max-nodes)", f.most, all)})
	}
	failed := f.watch(ctx, t, agents, changeover.Config{
		Objects: objects, Client: client, Exec: t.Cluster, Timing: f.timing, Keep: t.Keep, Record: record, Say: stdio.say,
	})
	if run.Finished = time.Now().UTC(); f.bed.Provider == testbed.Existing {
		run.To = agents.engines(context.WithoutCancel(ctx))
		agents.orphans(context.WithoutCancel(ctx))
	}
	if failed != nil {
		run.Trouble = failed.Error()
	}
	sum := changeover.Summarize(&run)
	return stdio.end(f.out, sum.Verdict, failed, render.MigrationText(stdio.Out, &run, &sum), dir.Migration(&run, &sum))
}

// objects are what is watched, on the first nodes of the cluster.
func (f *watchFlags) objects(t *testbed.Testbed) fixture.Run {
	nodes := t.Cluster.Nodes()
	return fixture.Run{
		ID: runner.NewID(), Image: t.Cluster.Image, Families: t.Cluster.Families(), Nodes: nodes[:min(len(nodes), f.most)],
		Restricted: t.Restricted, PullSecret: t.PullSecret,
	}
}

// conditions are those of the run. Where somebody else changes the engine, it is from what is there.
func (f *watchFlags) conditions(ctx context.Context, stdio IO, t *testbed.Testbed, id string, agents *roll) *v1.MigrationConditions {
	c := &v1.MigrationConditions{
		Schema: v1.Schema, ID: id, Tool: toolVersion(), Command: stdio.command, Cluster: t.Cluster.Name(),
		From: f.from, To: f.to, Rolling: f.rolling, Purged: f.purge, Started: time.Now().UTC(), Origin: probe.Now(),
	}
	if f.bed.Provider == testbed.Existing {
		c.From = agents.engines(ctx)
	} else {
		c.Kernel = kernelRelease()
	}
	return c
}

// watch has the change made, on the lab, or made by somebody else.
func (f *watchFlags) watch(ctx context.Context, t *testbed.Testbed, agents *roll, cfg changeover.Config) error {
	if f.bed.Provider == testbed.Existing {
		return f.onlyWatch(ctx, cfg, agents)
	}
	swap := &changeover.Swap{Nodes: t.Lab.EngineNodes(), Purge: f.purge, Rolling: f.rolling, Gap: f.gap, Record: cfg.Record}
	var err error
	if swap.Old, err = forEach(ctx, f.from, len(swap.Nodes)); err != nil {
		return err
	}
	if swap.Next, err = forEach(ctx, f.to, len(swap.Nodes)); err != nil {
		return err
	}
	cfg.Before = func(ctx context.Context) error {
		cfg.Say(fmt.Sprintf("starting %s on %d nodes", f.from, len(swap.Nodes)))
		return swap.Begin(ctx)
	}
	cfg.Steps = swap.Steps()
	return errors.Join(changeover.Run(ctx, cfg), swap.End(context.WithoutCancel(ctx)))
}

// buildEngine makes an engine, whose program is built where it is not in the cache.
func buildEngine(ctx context.Context, name string, progress io.Writer) (engines.Engine, error) {
	entry, err := registry.Judged(name)
	if err != nil {
		return nil, err
	}
	return entry.Build(ctx, binaries.Finder(progress))
}

// forEach is an engine for each of n nodes; none has nothing to start.
func forEach(ctx context.Context, name string, n int) ([]engines.Engine, error) {
	if name == "none" {
		return nil, nil
	}
	var all []engines.Engine
	for range n {
		e, err := buildEngine(ctx, name, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// onlyWatch watches until it has lasted long enough or somebody interrupts it, which is how it
// ends.
func (f *watchFlags) onlyWatch(ctx context.Context, cfg changeover.Config, agents *roll) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unhook := context.AfterFunc(ctx, cancel) // until all is set up
	cfg.Timing.Hold = 0
	cfg.Steps = []changeover.Step{{Name: "watching: change the engine now", Do: func(context.Context) error {
		unhook()
		var over <-chan time.Time
		if f.duration > 0 {
			over = time.After(f.duration)
		}
		agents.until(ctx, over)
		return nil
	}}}
	return changeover.Run(work, cfg)
}
