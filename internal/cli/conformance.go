package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/runner"
)

// conformanceFlags are what netassay conformance can be told.
type conformanceFlags struct {
	where          whereFlags
	selection      runner.Selection
	timing         runner.Timing
	parallel       int
	seed           uint64
	out            string
	failFast       bool
	dryRun         bool
	runUnsupported bool
}

func newConformance(stdio IO) *cobra.Command {
	var f conformanceFlags
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

Exit code 0: all cases pass. 1: the engine failed some. 2: the run itself failed, or says
nothing. 130: interrupted.`,
		Example: `  netassay conformance
  netassay conformance --engine none
  netassay conformance --ip-family ipv6 --feature EndPort,NamedPort
  netassay conformance --case 'ipblock-*' --out /tmp/ipblock
  netassay conformance --provider kind --topology ipv6
  netassay conformance --provider existing --context my-cluster
  netassay conformance --dry-run`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return conformance(c.Context(), stdio, &f) },
	}
	f.where.register(c.Flags())
	flags := c.Flags()
	flags.StringSliceVar(&f.selection.Cases, "case", nil, "only these cases: names or globs, may be repeated (see netassay cases list)")
	flags.StringSliceVar(&f.selection.Features, "feature", nil, "only cases with one of these features (see netassay cases features)")
	flags.StringSliceVar(&f.selection.SkipFeatures, "skip-feature", nil, "no cases with any of these features")
	flags.IntVar(&f.parallel, "parallel", 3, "sets of namespaces that work through the cases at once")
	flags.Uint64Var(&f.seed, "seed", 0, "order of the cases; 0 takes a fresh one, which is printed")
	flags.DurationVar(&f.timing.Timeout, "probe-timeout", 0, "silence that counts as dropped (default 400ms; where pods are containers 1s, but 400ms where no answer is due)")
	flags.DurationVar(&f.timing.Hold, "hold", 400*time.Millisecond, "how long a verdict must stay right")
	flags.DurationVar(&f.timing.Deadline, "deadline", 0, "how long a step's verdicts may take to become right (default 10s, where pods are containers 30s)")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-conformance-<engine>)")
	flags.BoolVar(&f.failFast, "fail-fast", false, "skip what remains after the first failed case")
	flags.BoolVar(&f.dryRun, "dry-run", false, "list the cases that would run, and run none")
	flags.BoolVar(&f.runUnsupported, "run-unsupported", false, "also judge features and IP families that the engine declares unsupported")
	return c
}

func conformance(ctx context.Context, stdio IO, f *conformanceFlags) error {
	if err := f.where.check(); err != nil {
		return err
	}
	f.adjust()
	all, err := cases.Load()
	if err != nil {
		return err
	}
	chosen, err := runner.Select(all, f.selection)
	if err != nil {
		return err
	}
	if f.dryRun {
		return printCases(stdio.Out, "table", chosen)
	}
	if f.out != "" {
		if err := reports.Claim(f.out); err != nil {
			return err
		}
	}
	return f.where.within(ctx, stdio, f.logs, func(ctx context.Context, s *session) error {
		return runConformance(ctx, stdio, s, f, chosen)
	})
}

// logs is the directory for logs in the result directory, which it makes when none was named.
func (f *conformanceFlags) logs() (string, error) {
	if f.out == "" {
		f.out = filepath.Join("results", time.Now().Format("20060102-150405")+"-conformance-"+f.where.label())
		if err := reports.Claim(f.out); err != nil {
			return "", err
		}
	}
	return filepath.Join(f.out, "logs"), nil
}

// runConformance runs the cases and leaves their results, whatever happens to the run.
func runConformance(ctx context.Context, stdio IO, s *session, f *conformanceFlags, chosen []cases.Case) error {
	client, err := kubernetes.NewForConfig(s.cluster.REST())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	fleet := probe.NewFleet()
	defer fleet.Close()
	p := &progress{w: stdio.Err, began: s.began}
	cfg := runner.Config{
		Cluster: s.cluster, Client: client, Fleet: fleet, Cases: chosen,
		Engine: s.engine.Name(), EngineVersion: s.engineVersion, Unsupported: s.engine.Unsupported(), RunUnsupported: f.runUnsupported,
		RunID: runner.NewID(), Tool: toolVersion(), Seed: runner.SeedOr(f.seed), Parallel: f.parallel, FailFast: f.failFast,
		Timing: f.timing, Events: p.event, Keep: s.keep,
		Restricted: s.restricted, PullSecret: s.pullSecret,
	}
	if err := s.fit(ctx, stdio, cfg); err != nil {
		return err
	}
	run, runErr := runner.Run(ctx, cfg)
	if run == nil {
		return runErr
	}
	run.LabReady, run.ImageSeconds, run.ClusterSeconds = p.ready, s.imageSeconds, s.clusterSeconds
	if s.wasThere {
		run.LabReady = nil
	}
	if err := reports.WriteFolder(f.out, run); err != nil {
		return errors.Join(runErr, err)
	}
	if err := printReport(stdio.Out, f.out, run); err != nil {
		return errors.Join(runErr, err)
	}
	if runErr != nil {
		return runErr
	}
	return withCode(v1.ExitCode(run.Verdict()))
}

// adjust takes the defaults of where pods are containers, as far as nothing else is asked for.
func (f *conformanceFlags) adjust() {
	if f.where.provider != onLab {
		f.timing = f.timing.InContainers()
	}
}

func printReport(w io.Writer, dir string, run *v1.Run) error {
	if err := reports.Text(w, run); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nresults: %s\n", dir)
	return err
}

// progress prints one line per event.
type progress struct {
	w     io.Writer
	began time.Time
	ready *float64 // seconds from the start of the cluster to its first fixture being ready
}

func (p *progress) event(e runner.Event) {
	switch e.Kind {
	case runner.RunStarted:
		fmt.Fprintf(p.w, "running %d cases\n", e.Total)
	case runner.FixtureReady:
		if p.ready == nil {
			seconds := time.Since(p.began).Seconds()
			p.ready = &seconds
			fmt.Fprintf(p.w, "cluster, engine and first 9 pods ready after %.1f s\n", seconds)
		}
	case runner.CaseStarted:
	case runner.CaseEnded:
		fmt.Fprintf(p.w, "[%*d/%d] %-12s %s (%.1f s)\n", len(fmt.Sprint(e.Total)), e.N, e.Total, e.Result.Outcome, e.Case, e.Result.Seconds)
	case runner.Trouble:
		fmt.Fprintf(p.w, "trouble: %s\n", e.Message)
	}
}
