package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/claims"
	"github.com/netassay/netassay/scale/summary"
)

func newReportClaims(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:   "claims DIR...",
		Short: "Write what AKS documents of its engines beside what was measured, as Markdown",
		Long: `Reads result directories of netassay scale claims and writes a page: each sentence of the
documentation of AKS about edits and deletions of policies, and for each engine how often it
came true, of how many changes, and for how long at most.

Exit code 0: written. 2: a directory can't be read, or is not of netassay scale claims.`,
		Example: `  netassay report claims results/*-claims > docs/claims.md`,
		Args:    someResults("DIR"),
		RunE:    func(_ *cobra.Command, args []string) error { return reportClaims(stdio, args) },
	}
}

func reportClaims(stdio IO, dirs []string) error {
	var runs []claims.Run
	for _, dir := range dirs {
		d, err := reports.ReadScale(dir)
		if err != nil {
			return err
		}
		sum := summary.Of(d)
		if !slices.ContainsFunc(sum.Engines, func(e v1.EngineSummary) bool { return len(e.Edits)+len(e.Void) > 0 }) {
			return fmt.Errorf("%s has no edits of policies of ipBlocks: give a result of netassay scale claims", dir)
		}
		runs = append(runs, claims.Run{Of: &d.Run, Summary: &sum})
	}
	if err := claims.Page(stdio.Out, runs); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
