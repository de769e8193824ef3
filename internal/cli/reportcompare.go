package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/page"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
)

func newReportCompare(stdio IO) *cobra.Command {
	out := "compare.html"
	c := &cobra.Command{
		Use:   "compare DIR DIR [DIR...]",
		Short: "Write one page of several engines side by side",
		Long: `Reads result directories of different engines, of conformance, of scale (and footprint), or of
both, and writes one page that opens offline: cases by engine with filters, how fast each became
right for each kind of transition, what the API leaves undefined, and of scale results latency,
memory and growth. The pages of the runs stay as they are, and have the cells.

What got worse between two runs is what netassay diff says. Here nothing is judged.

Exit code 0: written. 2: a directory can't be read, or has nothing to compare.`,
		Example: `  netassay report compare results/reference results/kube-router
  netassay report compare results/*-conformance results/*-footprint --out engines.html`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("got %d results: give two or more, %s DIR DIR [DIR...]", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return reportCompare(stdio, args, out) },
	}
	c.Flags().StringVarP(&out, "out", "o", out, "file of the page; it is overwritten")
	return c
}

func reportCompare(stdio IO, dirs []string, out string) error {
	all, err := readCompared(stdio.Err, dirs)
	if err != nil {
		return err
	}
	var data *v1.ScaleData
	var sum *v1.ScaleSummary
	if len(all.scale) > 0 {
		all.troubles = append(all.troubles, unequal(all.scale)...)
		data = v1.BesideScale(all.scale)
		sum = new(summary.Of(data))
	}
	var b bytes.Buffer
	if err := page.WriteComparison(&b, page.Sides(all.runs, all.dirs), data, sum, all.troubles); err != nil {
		return fmt.Errorf("make page: %w", err)
	}
	if err := os.WriteFile(out, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	fmt.Fprintln(stdio.Out, out)
	return nil
}

// compared is what is looked at side by side.
type compared struct {
	runs     []*v1.Run
	dirs     []string // of the runs
	scale    []*v1.ScaleData
	troubles []string
}

func readCompared(progress io.Writer, dirs []string) (*compared, error) {
	var all compared
	for _, dir := range dirs {
		tellLarge(progress, "reading", dir)
		s, err := reports.Salvage(dir)
		if err != nil {
			return nil, err
		}
		switch run := s.Run.(type) {
		case *v1.Run:
			all.runs, all.dirs = append(all.runs, run), append(all.dirs, dir)
		case *v1.ScaleData:
			all.scale = append(all.scale, run)
		case nil:
			return nil, fmt.Errorf("%s holds no record that can be read: see netassay report validate %s", dir, dir)
		default:
			return nil, fmt.Errorf("%s is of %s: give results of conformance or scale", dir, s.Experiment())
		}
		for _, t := range s.Troubles {
			all.troubles = append(all.troubles, "Not read: "+t.String())
		}
		if s.Verdict == "" {
			all.troubles = append(all.troubles, dir+" is unfinished: what it saw until then is shown.")
		}
	}
	return &all, nil
}

// unequal says which conditions of scale results are not the same.
func unequal(all []*v1.ScaleData) []string {
	conditions := make([]map[string]string, len(all))
	for i, d := range all {
		conditions[i] = d.Run.Conditions()
	}
	names := v1.Unequal(conditions...)
	if len(names) == 0 {
		return nil
	}
	return []string{"Scale results differ in " + strings.Join(names, ", ") + ": their times and costs don't compare."}
}
