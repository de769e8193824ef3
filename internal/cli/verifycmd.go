package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/verify"
	"github.com/netassay/netassay/testbed"
)

func newVerify(stdio IO) *cobra.Command {
	b := newBed(testbed.BuiltIn(), "restricted", "pull-secret") // its pods are those of the page
	var out string
	opts := verify.Options{Deadline: 20 * time.Second, Confirmations: 2}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Do the check of the AKS documentation, step by step, with evidence",
		Long: `Does what the AKS documentation's page on network policies tells users to do after
switching them on: a server pod, a client pod, /agnhost connect before the policy
(silent), under it (TIMEOUT) and with the label that it asks for (silent again).

Exit code 0: every step went as the page says. 1: one did not. 2: it could not be done.`,
		Example: `  netassay verify
  netassay verify --engine none      # must end with exit code 1
  netassay verify --provider kind    # on real kubelets and containers`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			if b.Provider != testbed.Lab && !c.Flags().Changed("timeout") {
				opts.Deadline = time.Minute // containers start more slowly than processes
			}
			return b.inside(c.Context(), stdio, &out, "verify-"+b.Label(), func(ctx context.Context) error {
				return b.run(ctx, stdio, filepath.Join(out, "logs"), func(ctx context.Context, t *testbed.Testbed) error {
					return checkOn(ctx, stdio, t, opts, out)
				})
			})
		},
	}
	b.register(c.Flags())
	c.Flags().DurationVar(&opts.Deadline, "timeout", opts.Deadline, "how long each step may take to become true")
	c.Flags().IntVar(&opts.Confirmations, "confirmations", opts.Confirmations, "how often in a row each answer must come")
	c.Flags().StringVar(&out, "out", "", "result directory (default results/<time>-verify-<engine>)")
	return c
}

// checkOn does the check on a testbed and leaves the results, whatever happens to it.
func checkOn(ctx context.Context, stdio IO, t *testbed.Testbed, opts verify.Options, out string) error {
	dir, err := reports.Open(out)
	if err != nil {
		return err
	}
	var run v1.CheckRun
	record := dir.Into(&run)
	record(&v1.CheckConditions{
		Schema: v1.Schema, ID: filepath.Base(out), Tool: toolVersion(), Cluster: t.Cluster.Name(), Engine: t.Engine, Started: time.Now().UTC(),
	})
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
	return stdio.end(out, run.Verdict(), failed, err, dir.Check(&run))
}
