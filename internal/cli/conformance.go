package cli

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// conformanceFlags are what netassay conformance can be told.
type conformanceFlags struct {
	bed       bed
	settings  conformance.Settings
	selection runner.Selection
	files     []string
	list      bool
}

func newConformance(stdio IO) *cobra.Command {
	f := conformanceFlags{bed: newBed(testbed.BuiltIn()), settings: conformance.Defaults()}
	c := &cobra.Command{
		Use:   "conformance",
		Short: "Judge an engine by every case, with real packets",
		Long: `Starts a lab, the engine under test on its nodes, and agnhost pods; applies each case's
policies through the API server; probes every cell (client, server, family, port) with
real packets until it is right and stays right; and prints a verdict.

With --provider kind it makes a cluster of kind instead, with real kubelets and containers,
deploys the engine to it, and removes it at the end, however it ends. With --provider
existing it uses the cluster of a kubeconfig and the engine that is installed there, unless
--engine names one to deploy; it touches no namespace that it has not made.

Cells whose verdict a step does not change are watched while it does: one wrong packet is
a failure. A deny counts only while the same server is reachable by a control client.

A run that was stopped or killed is gone on with by --resume and its result directory: what
was judged counts, the rest is played, and the results, in a directory of their own, are
those of a run without a break. Place, engine, versions and timing must be the same.

A case says by which paths servers are reached: the pod's address, its Service, a node port.
With --paths pairwise, the default, each case probes all pairs of pods by these in one IP
family, or in both where the case is about addresses, and a few cells by other paths and in
the other family, such that every two of a path, the same node or another, a family, a port
and a course of verdicts are met in one cell; --paths all probes all cells by all paths in all
families, --paths case what the case says in all families. With --provider existing the default
is --paths own: pairwise by the case's own paths, and node ports of no Service but those that a
case creates.

Exit code 0: all cases pass. 1: the engine failed some. 2: the run itself failed, or says
nothing. 130: interrupted.`,
		Example: `  netassay conformance
  netassay conformance --engine none
  netassay conformance --ip-family ipv6 --feature EndPort,NamedPort
  netassay conformance --case 'ipblock-*' --out /tmp/ipblock
  netassay conformance --cases found.txtar --engine none
  netassay conformance --provider kind --topology ipv6
  netassay conformance --provider existing --context my-cluster
  netassay conformance --list --shard 2/5
  netassay conformance --skip 'service-*=issue 12: not enforced yet'
  netassay conformance --resume results/20261128-090000-conformance-netassay`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.judge(c.Context(), stdio) },
	}
	f.register(c)
	return c
}

// register makes the flags.
func (f *conformanceFlags) register(c *cobra.Command) {
	flags := c.Flags()
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	f.settings.Register(flags, conformance.Parallel)
	flags.StringSliceVar(&f.files, "cases", nil, "case files, or directories of them, to play instead of the cases of this program")
	flags.StringSliceVar(&f.selection.Cases, "case", nil, "only these cases: names or globs, may be repeated (see netassay cases list)")
	flags.StringSliceVar(&f.selection.Features, "feature", nil, "only cases with one of these features (see netassay cases features)")
	flags.StringSliceVar(&f.selection.SkipFeatures, "skip-feature", nil, "no cases with any of these features")
	flags.BoolVar(&f.list, "list", false, "list the cases that would run, and run none")
	flags.BoolVar(&f.list, "dry-run", false, "the same as --list")
	for _, other := range []string{"case", "feature", "skip-feature", "shard", "seed"} {
		c.MarkFlagsMutuallyExclusive("resume", other) // the run that goes on has its own
	}
}

func (f *conformanceFlags) judge(ctx context.Context, stdio IO) error {
	if err := errors.Join(f.bed.check(), f.settings.Check("--"+conformance.Parallel)); err != nil {
		return err
	}
	all, err := loadCases(f.files)
	if err != nil {
		return err
	}
	chosen, before, err := f.choose(all)
	if err != nil {
		return err
	}
	if f.list {
		return printCases(stdio.Out, "table", chosen)
	}
	out := &f.settings.Out
	return f.bed.inside(ctx, stdio, out, "conformance-"+f.bed.Label(), func(ctx context.Context) error {
		return f.bed.run(ctx, stdio, filepath.Join(*out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			return f.run(ctx, stdio, t, chosen, before)
		})
	})
}

// choose is what a run has to play, and the run that it goes on with, if any.
func (f *conformanceFlags) choose(all []cases.Case) (chosen []cases.Case, before *v1.Run, err error) {
	if err := f.settings.Skip.Check(all); err != nil {
		return nil, nil, err
	}
	if before, err = f.settings.Unfinished(); err != nil {
		return nil, nil, err
	}
	selection := f.selection
	if before != nil {
		selection = runner.Selection{Cases: runner.Chosen(before)}
	}
	if chosen, err = runner.Select(all, selection); err != nil {
		return nil, nil, err
	}
	chosen, err = f.settings.Shard.Of(chosen)
	return chosen, before, err
}

// run runs the cases and leaves their results, whatever happens to the run.
func (f *conformanceFlags) run(ctx context.Context, stdio IO, t *testbed.Testbed, chosen []cases.Case, before *v1.Run) error {
	report, err := f.play(ctx, stdio, t, chosen, before)
	if report == nil {
		return err
	}
	return stdio.end(f.settings.Out, report.Verdict(), err, render.Text(stdio.Out, report))
}

// play runs the cases and writes the report, which is nil when there is nothing to write.
func (f *conformanceFlags) play(ctx context.Context, stdio IO, t *testbed.Testbed, chosen []cases.Case, before *v1.Run) (*v1.Run, error) {
	r := &conformance.Run{Bed: t, Say: stdio.say, Watch: f.bed.watch}
	cfg := r.Config(f.settings, chosen, before, toolVersion())
	cfg.Command = stdio.command
	n := newNarrator(stdio, filepath.Join(f.settings.Out, reports.PageFile))
	cfg.Events = func(e runner.Event) { n.tell(e); r.Event(e) }
	if err := r.Fit(ctx, cfg); err != nil {
		return nil, err
	}
	if err := r.Record(f.settings.Out, &cfg); err != nil {
		return nil, err
	}
	free, err := conformance.Connect(&cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = free() }()
	report, runErr := runner.Run(ctx, cfg)
	if report == nil {
		return nil, runErr
	}
	return report, errors.Join(runErr, r.Write(report))
}
