package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
	"github.com/netassay/netassay/suites/chaos"
	"github.com/netassay/netassay/suites/steady/account"
)

func newReportPage(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "page DIR...",
		Short: "Write the page of a result directory anew: report.html",
		Long: `Writes report.html into result directories: one file that opens offline and tells the whole
story of a run (docs/report.md). Each run leaves one by itself; this makes that of a run by an
earlier version, or of one that was killed, from what is whole of its records. Such a page says
what could not be read, and that the run is unfinished.

Exit code 0: written. 2: a directory can't be read, or holds no results.`,
		Example: `  netassay report page results/20261129-000431-conformance-reference
  netassay report page results/*`,
		Args: someResults("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, dir := range args {
				path, err := writePage(dir)
				if err != nil {
					return err
				}
				fmt.Fprintln(stdio.Out, path)
			}
			return nil
		},
	}
}

// writePage writes the page of a result directory.
func writePage(dir string) (path string, err error) {
	s, err := reports.Salvage(dir)
	if err != nil {
		return "", err
	}
	if s.Run == nil {
		return "", fmt.Errorf("%s has no record that says of which experiment it is: nothing to show", dir)
	}
	return s.WritePage(figuresOf(s), time.Now())
}

// figuresOf are the figures of a whole run that only its experiment can make; nil for none.
func figuresOf(s *reports.Salvaged) any {
	if s.Verdict == "" {
		return nil
	}
	switch run := s.Run.(type) {
	case *v1.ScaleData:
		sum := summary.Of(run)
		return &sum
	case *v1.ChaosRun:
		sum := chaos.Summarize(run, account.Limits{})
		sum.Verdict, sum.Reasons = s.Verdict, nil // its limits are not in the records
		return &sum
	}
	return nil
}
