package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/chaos"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/suites/steady/account"
	"github.com/netassay/netassay/testbed"
)

// chaosFlags are what netassay chaos can be told.
type chaosFlags struct {
	bed      bed
	sizes    chaos.Sizes
	timing   chaos.Timing
	limits   account.Limits
	backends []string
	seed     uint64
	out      string
}

func newChaos(stdio IO) *cobra.Command {
	f := chaosFlags{bed: newBed([]string{testbed.Lab}, "engine", "proxy-mode"), timing: chaos.DefaultTiming()}
	f.bed.Engine, f.bed.Nodes = "none", 2 // chaos starts and ends the agents itself
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Break the reference enforcer and all around it, and count packets that go wrong",
		Long: `Starts a lab with the reference enforcer, sends UDP packets at 1 kHz per flow and opens
TCP connections all the time, of flows that must always pass and of flows that must always
be dropped, and meanwhile edits a large policy, kills agents at random instants, deletes
and makes policies, stops the API server, holds the xtables lock, and destroys rules.
Numbers are per backend; each phase prints its own.

Exit code 0: no packet went wrong. 1: some did. 2: the run itself failed, or saw too
little. 130: interrupted.`,
		Example: `  netassay chaos
  netassay chaos --backend nft --edits 50 --kills 20 --seed 7`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("samples") {
				stdio.say("--samples is deprecated: latencies are measured by netassay scale")
			}
			return f.run(c.Context(), stdio)
		},
	}
	flags := c.Flags()
	s, l := &f.sizes, &f.limits
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	flags.StringSliceVar(&f.backends, "backend", []string{"nft", "legacy"}, "iptables backends, one after the other")
	flags.IntVar(&s.Edits, "edits", 1000, "edits of the large policy")
	flags.IntVar(&s.CIDRs, "cidrs", 10000, "CIDRs of the large policy, half of each family")
	flags.IntVar(&s.Kills, "kills", 200, "kill -9 of agents")
	flags.IntVar(&s.Terms, "terms", 50, "SIGTERM restarts of agents")
	flags.IntVar(&s.Recreates, "recreates", 100, "times that a policy is deleted and made again")
	flags.IntVar(&s.Drifts, "drifts", 10, "times that another tool destroys rules or sets")
	flags.Int("samples", 0, "")
	_ = flags.MarkHidden("samples") // fails for a flag that is not there
	flags.IntVar(&s.MustDrop, "packets", 1_000_000, "UDP packets that must be dropped, at least")
	flags.DurationVar(&s.APIOutage, "api-outage", time.Minute, "how long the API server is stopped; 0 is not at all")
	flags.DurationVar(&s.LockHold, "lock-hold", 30*time.Second, "how long the xtables lock is held; 0 is not at all")
	flags.DurationVar(&f.timing.Verify, "verify-interval", f.timing.Verify, "how often the agents check for changes made by others")
	flags.Float64Var(&l.MaxMissed, "max-missed", 0.2, "share of packets that senders may be too late for")
	flags.Float64Var(&l.MaxUnsure, "max-unsure", 0.001, "share of packets of which nothing may be known")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of the faults; 0 takes a fresh one, which is printed")
	flags.StringVar(&f.out, "out", "", "result directory (default results/<time>-chaos)")
	return c
}

func (f *chaosFlags) check() error {
	if err := f.bed.check(); err != nil {
		return err
	}
	for _, b := range f.backends {
		if err := suggest.OneOf("--backend value", b, "nft", "legacy"); err != nil {
			return err
		}
	}
	s := f.sizes
	for _, n := range []int{s.Edits, s.Kills, s.Terms, s.Recreates, s.Drifts, s.MustDrop, int(s.APIOutage), int(s.LockHold)} {
		if n < 0 {
			return errors.New("numbers and times of faults must not be negative")
		}
	}
	switch {
	case len(f.backends) == 0:
		return errors.New("--backend is empty: give nft, legacy or both")
	case f.bed.Nodes < 2:
		return fmt.Errorf("--nodes %d is too few: chaos needs 2", f.bed.Nodes)
	case s.CIDRs < 2 || s.CIDRs > 20_000:
		return fmt.Errorf("--cidrs %d is not in 2..20000", s.CIDRs)
	case f.timing.Verify < 100*time.Millisecond:
		return fmt.Errorf("--verify-interval %v is too short: give at least 100ms", f.timing.Verify)
	}
	return nil
}

func (f *chaosFlags) run(ctx context.Context, stdio IO) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.bed.inside(ctx, stdio, &f.out, "chaos", func(ctx context.Context) error {
		return f.bed.run(ctx, stdio, filepath.Join(f.out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
			return f.inLab(ctx, stdio, t)
		})
	})
}

// inLab runs one backend after the other and leaves the results, whatever happens.
func (f *chaosFlags) inLab(ctx context.Context, stdio IO, t *testbed.Testbed) error {
	binary, err := binaries.Own(ctx, "enforcer")
	if err != nil {
		return err
	}
	cfg := t.Lab.REST()
	cfg.ContentType = "application/vnd.kubernetes.protobuf" // large policies cost both ends less
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	f.seed = runner.SeedOr(f.seed)
	fmt.Fprintf(stdio.Err, "seed %d\n", f.seed)
	dir, err := reports.Open(f.out, f.bed.watch)
	if err != nil {
		return err
	}
	var run v1.ChaosRun
	record := dir.Into(&run)
	record(&v1.ChaosConditions{
		Schema: v1.Schema, ID: filepath.Base(f.out), Tool: toolVersion(), Command: stdio.command, Cluster: t.Lab.Name(), Kernel: kernelRelease(), Seed: f.seed, Started: time.Now().UTC(), Origin: probe.Now(),
	})
	var failed error
	for _, backend := range f.backends {
		failed = chaos.Run(ctx, chaos.Config{
			Lab: t.Lab, Client: client, Binary: binary, Backend: backend, Sizes: f.sizes, Timing: f.timing, Seed: f.seed,
			Record: record, Progress: stdio.say,
		})
		if failed != nil {
			failed = fmt.Errorf("backend %s: %w", backend, failed)
			run.Trouble = failed.Error()
			break
		}
	}
	run.Finished = time.Now().UTC()
	limits := f.limits
	limits.MustDrop = uint64(f.sizes.MustDrop) * uint64(len(f.backends))
	sum := chaos.Summarize(&run, limits)
	return stdio.end(f.out, sum.Verdict, failed, render.ChaosText(stdio.Out, &run, &sum), dir.Chaos(&run, &sum))
}
