package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/audit"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/live"
	"github.com/netassay/netassay/reach/shadow"
	"github.com/netassay/netassay/reach/tell"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// auditFlags are what netassay audit can be told.
type auditFlags struct {
	bed    bed
	limits shadow.Options
	timing audit.Timing
	yes    bool
	output string
	out    string
}

func newAudit(stdio IO) *cobra.Command {
	f := auditFlags{
		bed: newBed([]string{testbed.Existing}, "engine", "restricted", "keep"), timing: audit.DefaultTiming(),
		limits: shadow.Options{MaxPods: 40, MaxFlows: 400},
	}
	f.bed.Provider = testbed.Existing
	c := &cobra.Command{
		Use:   "audit",
		Short: "Ask the engine of a live cluster, by packets, whether it does what your policies say",
		Long: `Reads a cluster, and makes namespaces of its own with copies of your NetworkPolicies and one small
pod for each kind of pods of yours that it draws: with the labels that your selectors ask for, the
same named ports, on a node of the originals. It connects these pods with each other and holds what
it sees against what the specification says of the objects that are there. In the end it deletes
what it has made, and says how many of all pairs may be wrong at most, with 95 % certainty.

Without --yes it reads only, prints what it would do, and creates nothing. Packets go between its
own pods alone: yours are neither asked nor changed. docs/audit.md has what it can't say.

Exit code 0: every flow is as the policies say. 1: some are not. 2: it could not be done, or of some
flow nothing was proved. 130: interrupted; all is deleted then too. netassay clean
--context deletes what a killed run has left.`,
		Example: `  netassay audit --context prod                    # what it would do
  netassay audit --context prod --yes
  netassay audit -n shop,batch --max-pods 20 --yes
  netassay audit --seed 7 --yes -o json            # the same draw again, for machines`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), stdio) },
	}
	flags := c.Flags()
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	flags.StringSliceVarP(&f.limits.Namespaces, "namespaces", "n", nil, "only pods of these namespaces, between each other (default all)")
	flags.IntVar(&f.limits.MaxPods, "max-pods", f.limits.MaxPods, "how many pods to make at most")
	flags.IntVar(&f.limits.MaxFlows, "max-probes", f.limits.MaxFlows, "how many flows to ask at most")
	flags.Uint64Var(&f.limits.Seed, "seed", 0, "of what is drawn; 0 takes a fresh one, which is printed")
	flags.BoolVar(&f.yes, "yes", false, "do it: without, only what would be done is printed")
	flags.DurationVar(&f.timing.Hold, "hold", f.timing.Hold, "how long a verdict must stay right")
	flags.DurationVar(&f.timing.Deadline, "deadline", f.timing.Deadline, "how long verdicts may take to become right, and flows to open without policies")
	flags.StringVarP(&f.output, "output", "o", "table", "table or json")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-audit)")
	return c
}

func (f *auditFlags) check() error {
	if err := errors.Join(f.bed.check(), suggest.OneOf("output format", f.output, "table", "json")); err != nil {
		return err
	}
	switch {
	case f.limits.MaxPods < 2:
		return fmt.Errorf("--max-pods %d: a flow has two ends, give at least 2", f.limits.MaxPods)
	case f.limits.MaxFlows < 1:
		return fmt.Errorf("--max-probes %d: give at least 1", f.limits.MaxFlows)
	case f.timing.Hold < 0 || f.timing.Deadline <= 0:
		return errors.New("--deadline must be above 0, and --hold not below")
	case !f.yes && f.out != "":
		return errors.New("--out is for results, and without --yes there are none")
	}
	return nil
}

func (f *auditFlags) run(ctx context.Context, stdio IO) error {
	if err := f.check(); err != nil {
		return err
	}
	f.limits.Seed, f.limits.ID, f.limits.Skip = runner.SeedOr(f.limits.Seed), runner.NewID(), fixture.RunLabel
	if !f.yes {
		return f.bed.run(ctx, stdio, "", func(ctx context.Context, t *testbed.Testbed) error { return f.only(ctx, stdio, t) })
	}
	return f.bed.inside(ctx, stdio, &f.out, "audit", func(ctx context.Context) error {
		return f.bed.run(ctx, stdio, filepath.Join(f.out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			return f.onBed(ctx, stdio, t)
		})
	})
}

// read reads the cluster as reach does.
func (f *auditFlags) read(ctx context.Context, stdio IO, t *testbed.Testbed) (*inventory.Inventory, error) {
	c, ok := t.Cluster.(*existing.Cluster)
	if !ok {
		return nil, fmt.Errorf("%s is no cluster that was there before", t.Cluster.Name())
	}
	return live.Read(ctx, c, func(kind string, n int) {
		if n%5000 == 0 && n > 0 {
			stdio.say(fmt.Sprintf("read %d %s", n, kind))
		}
	})
}

// plan reads the cluster and plans.
func (f *auditFlags) plan(ctx context.Context, stdio IO, t *testbed.Testbed) (*shadow.Plan, []string, error) {
	stdio.say("reading " + t.Cluster.Name())
	v, err := f.read(ctx, stdio, t)
	if err != nil {
		return nil, nil, err
	}
	tellRead(stdio.Err, v, t.Cluster.Name())
	f.limits.Nodes = t.Cluster.Nodes()
	p, err := shadow.New(v, f.limits)
	return p, tell.Notes(v), err
}

// only prints what would be done.
func (f *auditFlags) only(ctx context.Context, stdio IO, t *testbed.Testbed) error {
	p, notes, err := f.plan(ctx, stdio, t)
	if err != nil {
		return err
	}
	for _, n := range notes {
		stdio.say("note: " + n)
	}
	lacks, err := t.Cluster.(*existing.Cluster).Lacks(ctx, audit.Needs(p, objectsOf(t, p)).Permissions)
	if err != nil {
		return err
	}
	for _, line := range lacks {
		stdio.say("missing: " + line)
	}
	if f.output == "json" {
		return render.JSON(stdio.Out, p)
	}
	if err := p.Table(stdio.Out, audit.Touches(p, f.timing)); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	_, err = fmt.Fprintf(stdio.Out, "\nnothing was created: the same command with --seed %d --yes does it\n", p.Seed)
	return err
}

func objectsOf(t *testbed.Testbed, p *shadow.Plan) fixture.Run {
	return fixture.Run{ID: p.ID, Image: t.Cluster.Image, PullSecret: t.PullSecret}
}

// onBed does it, and leaves the results, whatever happens.
func (f *auditFlags) onBed(ctx context.Context, stdio IO, t *testbed.Testbed) error {
	p, notes, err := f.plan(ctx, stdio, t)
	if err != nil {
		return err
	}
	for _, line := range audit.Touches(p, f.timing) {
		stdio.say(line)
	}
	objects := objectsOf(t, p)
	if err := t.Fit(ctx, func() clusters.Needs { return audit.Needs(p, objects) }, stdio.say); err != nil {
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
	var run v1.AuditRun
	record := dir.Into(&run)
	record(f.conditions(stdio, t, p))
	record(audit.Gaps(p)...)
	for _, n := range notes {
		record(&v1.Note{Text: n})
	}
	acked, probes, failed := audit.Run(ctx, audit.Config{
		Plan: p, Objects: objects, Client: client, Exec: t.Cluster, Timing: f.timing, Record: record, Say: stdio.say,
		Read: func(ctx context.Context) (*inventory.Inventory, error) { return f.read(ctx, stdio, t) },
	})
	run.Acked, run.Probes, run.Finished = acked, probes, time.Now().UTC()
	if failed != nil {
		run.Trouble = failed.Error()
	}
	ended := dir.Audit(&run)
	if f.output == "json" {
		if err := errors.Join(render.JSON(stdio.Out, run.Summary()), failed, ended); err != nil {
			return err
		}
		return withCode(v1.ExitCode(run.Verdict()))
	}
	return stdio.end(f.out, run.Verdict(), failed, render.AuditText(stdio.Out, &run), ended)
}

func (f *auditFlags) conditions(stdio IO, t *testbed.Testbed, p *shadow.Plan) *v1.AuditConditions {
	return &v1.AuditConditions{
		Schema: v1.Schema, ID: p.ID, Tool: toolVersion(), Command: stdio.command, Cluster: t.Cluster.Name(), Engine: t.Engine, Seed: p.Seed,
		Namespaces: len(p.Namespaces), Pods: len(p.Pods), Policies: len(p.Policies), Certainty: shadow.Certainty,
		Hold: float64(f.timing.Hold.Milliseconds()), Deadline: float64(f.timing.Deadline.Milliseconds()), Started: time.Now().UTC(),
	}
}
