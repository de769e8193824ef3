package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
	"github.com/netassay/netassay/scale/profile"
	"github.com/netassay/netassay/scale/summary"
)

func newScaleCompare(stdio IO) *cobra.Command {
	o := compare.DefaultOptions()
	c := &cobra.Command{
		Use:   "compare BASE HEAD",
		Short: "Say whether HEAD is slower or larger than BASE, or whether it is noise",
		Long: `Compares two results of scale runs. Each is a result directory, a directory of result directories
(their runs are repeats of one), or a bench.txt.

Each metric has one value per repeat. At least ten repeats of each side, taken in turn,
meet in a Mann-Whitney test, corrected for the number of metrics; a change counts when it
is no accident, worth a verdict (--min-effect), and above what the method resolves. If the
floor of the method moved, the host changed, and there is no verdict.

Exit code 0: no change, or an improvement. 1: a regression. 2: the two can't be compared.`,
		Example: `  netassay scale compare results/main results/branch
  netassay scale compare --min-effect 0.1 old/bench.txt new/bench.txt --sequential`,
		Args: twoResults,
		RunE: func(_ *cobra.Command, args []string) error { return scaleCompare(stdio, args[0], args[1], o) },
	}
	compareFlags(c.Flags(), &o)
	return c
}

// compareFlags are those of commands that judge figures.
func compareFlags(flags *pflag.FlagSet, o *compare.Options) {
	flags.Float64Var(&o.Alpha, "alpha", o.Alpha, "chance that noise alone gives a verdict of change")
	flags.Float64Var(&o.MinEffect, "min-effect", o.MinEffect, "change that is worth a verdict: 0.05 is 5 %")
	flags.IntVar(&o.MinRepeats, "min-repeats", o.MinRepeats, "repeats that each side must have, at least 4")
	flags.BoolVar(&o.Sequential, "sequential", o.Sequential, "accept repeats that were not taken in turn")
}

// checkCompare says which flag of those is wrong.
func checkCompare(o compare.Options) error {
	switch {
	case !(o.Alpha > 0 && o.Alpha < 1):
		return fmt.Errorf("--alpha %g: give a chance between 0 and 1, such as 0.01", o.Alpha)
	case !(o.MinEffect >= 0 && o.MinEffect < 100):
		return fmt.Errorf("--min-effect %g: give a share, such as 0.05 for 5 %%", o.MinEffect)
	case o.MinRepeats < 4:
		return fmt.Errorf("--min-repeats %d: with fewer than 4 no difference can be shown", o.MinRepeats)
	}
	return nil
}

func scaleCompare(stdio IO, basePath, headPath string, o compare.Options) error {
	if err := checkCompare(o); err != nil {
		return err
	}
	base, err := scaleSide(basePath)
	if err != nil {
		return err
	}
	head, err := scaleSide(headPath)
	if err != nil {
		return err
	}
	r := compare.Compare(base, head, o)
	if err := r.Text(stdio.Out, basePath, headPath); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return withCode(v1.ExitCode(r.Conclusion.Verdict()))
}

// scaleSide reads a result directory, or the benchmarks of one.
func scaleSide(path string) (compare.Side, error) {
	info, err := os.Stat(path)
	if err != nil {
		return compare.Side{}, fmt.Errorf("read results: %w", err)
	}
	if info.IsDir() {
		d, err := reports.ReadScale(path)
		if err != nil {
			return compare.Side{}, err
		}
		return summary.Side(d), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return compare.Side{}, fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	return compare.ReadBench(f, path)
}

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
		Args: someResults("RESULT"),
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
