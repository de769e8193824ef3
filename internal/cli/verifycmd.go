package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/suites/verify"
	"github.com/netassay/netassay/testbed"
)

func newVerify(stdio IO) *cobra.Command {
	b := newBed(testbed.BuiltIn(), "restricted", "pull-secret") // its pods are those of the page
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
			return b.inside(c.Context(), stdio, nil, "", func(ctx context.Context) error {
				return b.run(ctx, stdio, "", func(ctx context.Context, t *testbed.Testbed) error {
					return runVerify(ctx, stdio.Out, t, opts)
				})
			})
		},
	}
	b.register(c.Flags())
	c.Flags().DurationVar(&opts.Deadline, "timeout", opts.Deadline, "how long each step may take to become true")
	c.Flags().IntVar(&opts.Confirmations, "confirmations", opts.Confirmations, "how often in a row each answer must come")
	return c
}

func runVerify(ctx context.Context, w io.Writer, t *testbed.Testbed, opts verify.Options) error {
	opts.Report = func(step verify.Step) { printStep(w, step) }
	pass, err := verify.Run(ctx, t.Cluster, opts)
	if err != nil {
		return err
	}
	if !pass {
		fmt.Fprintf(w, "\nFAIL: engine %s does not pass the check\n", t.Engine)
		return withCode(exitFail)
	}
	fmt.Fprintf(w, "\nPASS: engine %s passes the check\n", t.Engine)
	return nil
}

func printStep(w io.Writer, s verify.Step) {
	mark := "ok  "
	if !s.OK {
		mark = "FAIL"
	}
	fmt.Fprintf(w, "%s  %s (%.1f s)\n", mark, s.Title, s.Took.Seconds())
	if s.Command == "" {
		return
	}
	output := s.Output
	if output == "" {
		output = "(silent: connected)"
	}
	fmt.Fprintf(w, "      $ %s\n      %s\n      run %d times\n", s.Command, output, s.Attempts)
}
