package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/verify"
	"github.com/netassay/netassay/testbed"
)

// verifyFlags are what netassay verify can be told.
type verifyFlags struct {
	bed  bed
	opts verify.Options
	out  string
}

func verifyDefaults() verify.Options {
	return verify.Options{Deadline: 20 * time.Second, Confirmations: 2}
}

func newVerify(stdio IO) *cobra.Command {
	f := verifyFlags{bed: newBed(testbed.BuiltIn(), "restricted", "pull-secret"), opts: verifyDefaults()} // its pods are those of the page
	c := &cobra.Command{
		Use:   "verify",
		Short: "Do the check of the AKS documentation, step by step, with evidence",
		Long: `Does what the AKS documentation's page on network policies tells users to do after
switching them on: a server pod, a client pod, /agnhost connect before the policy
(silent), under it (TIMEOUT) and with the label that it asks for (silent again).

--node-os windows does it on the Windows nodes of an existing cluster, whose pods pull agnhost's image
for Windows. It was never run on one.

Exit code 0: every step went as the page says. 1: one did not. 2: it could not be done.`,
		Example: `  netassay verify
  netassay verify --engine none      # must end with exit code 1
  netassay verify --provider kind    # on real kubelets and containers
  netassay verify --provider existing --context my-cluster --node-os windows`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			switch f.opts.NodeOS = f.bed.NodeOS; {
			case c.Flags().Changed("timeout"):
			case f.bed.NodeOS == podspec.Windows:
				f.opts.Deadline = windowsDeadline
			case f.bed.Provider != testbed.Lab:
				f.opts.Deadline = time.Minute // containers start more slowly than processes
			}
			return f.bed.inside(c.Context(), stdio, &f.out, "verify-"+f.bed.Label(), func(ctx context.Context) error {
				return f.bed.run(ctx, stdio, filepath.Join(f.out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
					return f.checkOn(ctx, stdio, t)
				})
			})
		},
	}
	f.register(c)
	return c
}

// windowsDeadline has room for pulling an image for Windows, which has some hundreds of megabytes.
const windowsDeadline = 5 * time.Minute

// check refuses what can't be done before anything starts.
func (f *verifyFlags) check() error {
	if err := f.bed.check(); err != nil || f.bed.NodeOS == "" {
		return err
	}
	if f.bed.Provider != testbed.Existing {
		return fmt.Errorf("--node-os is for --provider existing, not %s: all other nodes run linux", f.bed.Provider)
	}
	return suggest.OneOf("--node-os value", f.bed.NodeOS, podspec.Linux, podspec.Windows)
}

// register makes the flags.
func (f *verifyFlags) register(c *cobra.Command) {
	f.bed.register(c.Flags())
	f.bed.scrape.register(c.Flags())
	c.Flags().StringVar(&f.bed.NodeOS, "node-os", "", "existing: operating system of the nodes that are used: linux (default) or windows")
	c.Flags().DurationVar(&f.opts.Deadline, "timeout", f.opts.Deadline, "how long each step may take to become true")
	c.Flags().IntVar(&f.opts.Confirmations, "confirmations", f.opts.Confirmations, "how often in a row each answer must come")
	c.Flags().StringVar(&f.out, "out", "", "result directory (default results/<time>-verify-<engine>)")
}

// checkOn does the check on a testbed and leaves the results, whatever happens to it.
func (f *verifyFlags) checkOn(ctx context.Context, stdio IO, t *testbed.Testbed) error {
	if err := t.Fit(ctx, verify.Needs, stdio.say); err != nil {
		return err
	}
	dir, err := reports.Open(f.out, f.bed.watch)
	if err != nil {
		return err
	}
	var run v1.CheckRun
	record := dir.Into(&run)
	record(&v1.CheckConditions{
		Schema: v1.Schema, ID: filepath.Base(f.out), Tool: toolVersion(), Command: stdio.command, Cluster: t.Cluster.Name(), Engine: t.Engine, Started: time.Now().UTC(),
	})
	opts := f.opts
	opts.Report = func(step v1.CheckStep) {
		record(&step)
		_ = render.CheckStep(stdio.Out, &step)
	}
	_, failed := verify.Run(ctx, t.Cluster, opts)
	if run.Finished = time.Now().UTC(); failed != nil {
		run.Trouble = failed.Error()
	} else {
		err = render.CheckVerdict(stdio.Out, &run)
	}
	return stdio.end(f.out, run.Verdict(), failed, err, dir.Check(&run))
}
