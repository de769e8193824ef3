package cli

import (
	"time"

	"github.com/spf13/cobra"

	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/testbed"
)

func newScaleClaims(stdio IO) *cobra.Command {
	f, e := newScaleFlags(testbed.Lab), &scalerun.Edits{}
	f.cfg.Edits = e
	f.cfg.CIDRs, f.cfg.NewPods, f.cfg.Timing.Phase = 10, 0, 10*time.Minute
	c := &cobra.Command{
		Use:   "claims",
		Short: "Measure what AKS documents of edits and deletions of policies with ipBlocks",
		Long: `The documentation of AKS says of Azure NPM that to edit or delete a policy with several ipBlock
sections may open new connections for a time, never touches established ones, and is less
likely to do so with four sections or fewer; and that all may be open while the agent starts
again. This measures it, of any engine, on the load of netassay scale:

A policy that alone isolates a pod lets its clients in by a selector, beside so many ipBlocks
(--blocks) in which nobody is. These are edited, --edits times. A policy of such blocks for a
pod that another policy isolates all the time is deleted and made again, --deletions times. None
of this should change a verdict: one-way streams at both pods show packet by packet whether new
connections that must be denied pass, whether those that must pass do, and whether established
ones are cut. Then the engine is started again, --restarts times.

With its defaults and the headline's load an engine takes some 25 minutes. netassay report
claims makes a page of several results.

Exit code 0: nothing was opened, or only by engines that are not judged. 1: by the reference
enforcer. 2: the run itself failed, or its controls did not hold. 130: interrupted.`,
		Example: `  netassay scale claims
  netassay scale claims --engine azure-npm --ip-family ipv4 --profile "headline families=ipv4"
  netassay scale claims --blocks 4,8 --edits 20 --nodes 20 --pods 1000 --policies 50 --local-pods 10`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.complete(c); err != nil {
				return err
			}
			return runScale(c.Context(), stdio, f)
		},
	}
	flags := c.Flags()
	f.registerSubject(flags, []string{"--default-deny-unknown"})
	f.registerLoad(flags)
	flags.IntSliceVar(&e.Blocks, "blocks", []int{1, 2, 4, 5, 6, 8, 16, 64}, "ipBlocks of the policy, one size after the other")
	flags.IntVar(&e.N, "edits", 200, "edits of each size")
	flags.IntVar(&e.Deletions, "deletions", 50, "deletions, and creations, of each size")
	flags.DurationVar(&e.Pace, "pace", 500*time.Millisecond, "time from the answer to a change to the next change")
	flags.IntVar(&e.Restarts, "restarts", 3, "times that the engine is started again")
	flags.DurationVar(&f.cfg.Timing.Interval, "interval", f.cfg.Timing.Interval, "time between packets of a flow")
	flags.DurationVar(&f.cfg.Timing.Deadline, "deadline", f.cfg.Timing.Deadline, "for a policy to be enforced before anything is measured")
	flags.DurationVar(&f.cfg.Timing.Phase, "phase-time", f.cfg.Timing.Phase, "for all changes of a size; what was seen until then counts")
	f.registerLimits(flags)
	return c
}
