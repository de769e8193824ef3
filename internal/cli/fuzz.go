package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/fuzz"
	"github.com/netassay/netassay/suites/fuzz/play"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// paper is what --against takes for the reference enforcer's plan.
const paper = "paper"

// fuzzFlags are what netassay fuzz can be told.
type fuzzFlags struct {
	bed      bed
	settings conformance.Settings
	against  string
	duration time.Duration
	shrink   time.Duration
	steps    int
}

func newFuzz(stdio IO) *cobra.Command {
	f := fuzzFlags{bed: newBed(testbed.BuiltIn()), settings: conformance.Defaults()}
	f.settings.Sentinel = conformance.Sentinel{Given: true} // none: a run of its own plays each case, and only cells are judged
	c := &cobra.Command{
		Use:   "fuzz",
		Short: "Judge an engine by cases that nobody wrote, until one fails",
		Long: `Draws cases from a seed: labels, policies over the whole grammar of NetworkPolicy, and
edits of all of them, step by step; pins each by the oracle; and plays them as conformance
plays its own, with real packets. Of several steps that it could take it takes the one
that tells most misreadings of the API apart that were not told yet.

The first case that fails is played again and made smaller for as long as it goes on
failing. What is left is a case file in the result directory, to be played by netassay
conformance --cases FILE. The same seed draws the same cases.

With --against ENGINE another engine plays the same cases afterwards, on a cluster of its
own: a case that one of the two fails is one in which they differ, and the oracle says who
is wrong. With --against paper nothing is started: packets are walked through the rules
that the reference enforcer would write.

Exit code 0: no disagreement. 1: an engine failed a case. 2: the run itself failed, or says
nothing. 130: interrupted.`,
		Example: `  netassay fuzz
  netassay fuzz --duration 2m --engine kube-router
  netassay fuzz --engine reference --against azure-npm
  netassay fuzz --against paper --duration 1m --seed 7
  netassay conformance --cases results/…-fuzz-reference/fuzz-7-12.txtar`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.against == paper {
				return f.onPaper(c.Context(), stdio, c.Flags().Changed("engine"))
			}
			return f.live(c.Context(), stdio)
		},
	}
	flags := c.Flags()
	f.bed.register(flags)
	f.bed.scrape.register(flags)
	f.settings.RegisterPlaying(flags, conformance.Parallel)
	flags.StringVar(&f.against, "against", "", "another engine that plays the same cases, or paper")
	flags.DurationVar(&f.duration, "duration", 10*time.Minute, "how long cases are begun")
	flags.DurationVar(&f.shrink, "shrink-time", time.Minute, "how long a case that failed is made smaller")
	flags.IntVar(&f.steps, "steps", 10, "steps of a case")
	flags.Uint64Var(&f.settings.Seed, "seed", 0, "what the cases are drawn from; 0 takes a fresh one, which is printed")
	flags.StringVar(&f.settings.Out, "out", "", "result directory (default results/<time>-fuzz-<engine>)")
	return c
}

func (f *fuzzFlags) check() error {
	if err := errors.Join(f.bed.check(), f.settings.Check("--"+conformance.Parallel)); err != nil {
		return err
	}
	switch {
	case f.duration <= 0 || f.shrink < 0:
		return errors.New("--duration must be above 0, and --shrink-time not below")
	case f.steps < 2 || f.steps > 100:
		return fmt.Errorf("--steps %d: give 2 to 100: labels, policies and edits", f.steps)
	}
	return nil
}

// onPaper asks the reference enforcer's plan.
func (f *fuzzFlags) onPaper(ctx context.Context, stdio IO, engine bool) error {
	if err := f.check(); err != nil {
		return err
	}
	switch {
	case stdio.Paper == nil:
		return errors.New("--against paper: this program was built without the reference enforcer's plan")
	case engine && f.bed.Engine != testbed.Defaults().Engine:
		return fmt.Errorf("--against paper asks the reference enforcer's plan: leave --engine %s out", f.bed.Engine)
	}
	out := &f.settings.Out
	if *out == "" {
		*out = reports.Fresh(time.Now(), "fuzz-"+paper)
	}
	if err := reports.Claim(*out); err != nil {
		return err
	}
	end, err := f.bed.attend(stdio)
	if err != nil {
		return err
	}
	defer end()
	return f.record(ctx, stdio, paper, []string{paper}, func(ctx context.Context, r *play.Run) error {
		h := f.hunt(f.generator(fuzz.Options{Prefixes: true, Nodes: true}).Next)
		h.Player, h.AtOnce = play.OnPaper(stdio.Paper), runtime.GOMAXPROCS(0)
		return r.Hunt(ctx, paper, h)
	})
}

// live asks one or two engines on testbeds, one after the other.
func (f *fuzzFlags) live(ctx context.Context, stdio IO) error {
	engines := []string{f.bed.Engine}
	if f.against != "" {
		engines = append(engines, f.against)
	}
	var labels []string
	for _, f.bed.Engine = range engines {
		if err := f.check(); err != nil {
			return err
		}
		labels = append(labels, f.bed.Label())
	}
	out := &f.settings.Out
	return f.bed.inside(ctx, stdio, out, "fuzz-"+strings.Join(labels, "-"), func(ctx context.Context) error {
		return f.record(ctx, stdio, f.bed.Provider, labels, func(ctx context.Context, r *play.Run) error {
			var drawn int64
			for _, f.bed.Engine = range engines {
				before := int64(len(r.Report.Played))
				err := f.bed.run(ctx, stdio, filepath.Join(*out, "logs", f.bed.Label()), func(ctx context.Context, t *testbed.Testbed) error {
					return f.onBed(ctx, r, t, drawn)
				})
				if err != nil {
					return err
				}
				drawn = int64(len(r.Report.Played)) - before
			}
			return nil
		})
	})
}

// onBed hunts on one testbed; most, when not 0, are the cases that the other engine played.
func (f *fuzzFlags) onBed(ctx context.Context, r *play.Run, t *testbed.Testbed, most int64) error {
	g := f.generator(fuzz.Options{Nodes: len(t.Cluster.Nodes()) >= cases.FixtureNodes})
	h := f.hunt(g.Next)
	h.Most = most
	return r.OnBed(ctx, t, f.settings, h)
}

func (f *fuzzFlags) generator(o fuzz.Options) *fuzz.Generator {
	o.Steps = f.steps
	return fuzz.NewGenerator(f.settings.Seed, o)
}

func (f *fuzzFlags) hunt(draw func() cases.Case) *play.Hunt {
	return &play.Hunt{Draw: draw, For: f.duration, Shrink: f.shrink}
}

// record runs do between the beginning and the end of a result directory.
func (f *fuzzFlags) record(ctx context.Context, stdio IO, cluster string, engines []string, do func(context.Context, *play.Run) error) error {
	f.settings.Seed = runner.SeedOr(f.settings.Seed)
	stdio.say(fmt.Sprintf("seed %d", f.settings.Seed))
	r, err := play.Begin(f.settings.Out, v1.FuzzConditions{
		Command: stdio.command,
		ID:      runner.NewID(), Tool: toolVersion(), Cluster: cluster, Engines: engines, Seed: f.settings.Seed, Seconds: f.duration.Seconds(),
	}, stdio.say, f.bed.watch)
	if err != nil {
		return err
	}
	trouble := do(ctx, r)
	err = r.End(trouble)
	return stdio.end(f.settings.Out, r.Report.Verdict(), trouble, err, render.FuzzText(stdio.Out, &r.Report))
}
