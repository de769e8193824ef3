package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/scale/profile"
	"github.com/netassay/netassay/scale/summary"
)

func newScaleGrowth(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "growth RESULT...",
		Short: "Say how the costs of runs at several sizes grow",
		Long: `Reads results of scale runs of one load at four or more sizes, and fits a power law to
each cost: 1 is proportional to the number of pods, 0 is not at all, 2 is four times the
cost at twice the size. Nodes, pods, namespaces and policies grow together; what one node
or one policy has must stay the same.`,
		Example: `  make scale-growth
  netassay scale growth results/growth/*`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("give result directories: %s RESULT [RESULT...]", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return scaleGrowth(stdio, args) },
	}
}

func scaleGrowth(stdio IO, dirs []string) error {
	var runs []summary.Sized
	var first profile.Profile
	for i, dir := range dirs {
		d, err := reports.ReadScale(dir)
		if err != nil {
			return err
		}
		p, err := profile.Parse(d.Run.Profile)
		if err != nil {
			return fmt.Errorf("read the load of %s: %w", dir, err)
		}
		if i == 0 {
			first = p
		}
		if alike(p) != alike(first) {
			return fmt.Errorf("%s is of another load than %s: only nodes, pods, namespaces and policies may differ", dir, dirs[0])
		}
		sum := summary.Of(d)
		runs = append(runs, summary.Sized{Name: dir, Pods: float64(p.Pods), Summary: &sum})
	}
	sizes, grown, err := summary.Grow(runs)
	if err != nil {
		return err
	}
	if err := render.GrowthText(stdio.Out, sizes, grown); err != nil {
		return fmt.Errorf("write growth: %w", err)
	}
	return nil
}

// alike is the load without its size.
func alike(p profile.Profile) string {
	p.Nodes, p.Pods, p.Namespaces, p.Policies = 0, 0, 0, 0
	return p.String()
}
