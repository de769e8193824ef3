package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

func newReport(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Work with the result directories of earlier runs",
		Long: `Works with result directories, of any experiment and of any version of netassay, as
docs/records.md describes them. Nothing is run, and no cluster is needed.`,
		Example: `  netassay report page results/LAST         # a page to look at, of any run
  netassay report compare results/A results/B # engines side by side, on one page
  netassay report validate results/*       # is all of it there, and whole?
  netassay report table > docs/engines.md  # what engines did, from their published reports`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newReportPage(stdio), newReportCompare(stdio), newReportValidate(stdio), newReportPublish(stdio), newReportTable(stdio), newReportClaims(stdio))
	return c
}

func newReportValidate(stdio IO) *cobra.Command {
	output := "table"
	c := &cobra.Command{
		Use:   "validate DIR...",
		Short: "Say whether result directories are whole, and what is left of those that aren't",
		Long: `Reads everything in result directories, of this and of earlier versions, holds it against
the schemas (reports/schema), and says what each directory holds. What can't be read gets a line with its file, its line and its cure; the rest
is still counted. A run that was killed, or goes on, is unfinished.

Exit code 0: all are whole. 1: something is unfinished, missing or damaged. 2: a directory
can't be read, or holds no results.`,
		Example: `  netassay report validate results/*
  netassay report validate results/20261129-000431-conformance -o json`,
		Args: someResults("DIR"),
		RunE: func(_ *cobra.Command, args []string) error { return reportValidate(stdio, args, output) },
	}
	c.Flags().StringVarP(&output, "output", "o", output, "table or json")
	return c
}

func reportValidate(stdio IO, dirs []string, output string) error {
	if err := suggest.OneOf("output format", output, "table", "json"); err != nil {
		return err
	}
	all := make([]validated, 0, len(dirs))
	for _, dir := range dirs {
		tellLarge(stdio.Err, "validating", dir)
		s, err := reports.Validate(dir)
		if err != nil {
			return err
		}
		all = append(all, validatedOf(s))
	}
	write := validatedTable
	if output == "json" {
		write = func(w io.Writer, all []validated) error { return render.JSON(w, all) }
	}
	if err := write(stdio.Out, all); err != nil {
		return fmt.Errorf("write what was validated: %w", err)
	}
	if slices.ContainsFunc(all, func(v validated) bool { return v.State != stateWhole }) {
		return withCode(exitFail)
	}
	return nil
}

// tellLarge says that a directory is being read which takes more than a moment.
func tellLarge(w io.Writer, doing, dir string) {
	const large = 4 << 20
	if info, err := os.Stat(filepath.Join(dir, reports.RecordsFile)); err == nil && info.Size() > large {
		fmt.Fprintf(w, "%s %s: %s of records\n", doing, dir, v1.Quantity(float64(info.Size()), v1.UnitBytes))
	}
}

// The states of a result directory.
const (
	stateWhole      = "whole"
	stateUnfinished = "unfinished"
	stateIncomplete = "incomplete"
	stateDamaged    = "damaged"
)

// validated is what there is to say about one result directory.
type validated struct {
	Dir        string                `json:"dir"`
	Experiment string                `json:"experiment"` // "" when nothing tells
	Layout     reports.Layout        `json:"layout"`
	State      string                `json:"state"`
	Verdict    v1.Verdict            `json:"verdict"` // "" of a run without one
	Records    map[v1.RecordKind]int `json:"records"`
	Lacks      []string              `json:"lacks,omitempty"`
	Missing    []string              `json:"missing,omitempty"`
	Damaged    int                   `json:"damaged"`
	Troubles   []reports.Trouble     `json:"troubles,omitempty"` // the first of them
}

func validatedOf(s *reports.Salvaged) validated {
	v := validated{
		Dir: s.Dir, Experiment: s.Experiment(), Layout: s.Layout, Verdict: s.Verdict, Records: s.Counts,
		Lacks: s.Lacks, Missing: s.Missing, Damaged: s.Unread, Troubles: s.Troubles, State: stateWhole,
	}
	switch {
	case s.Unread > 0:
		v.State = stateDamaged
	case s.Verdict == "":
		v.State = stateUnfinished
	case len(s.Missing) > 0:
		v.State = stateIncomplete
	}
	return v
}

func validatedTable(w io.Writer, all []validated) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "DIRECTORY\tEXPERIMENT\tLAYOUT\tSTATE\tVERDICT\tHOLDS")
	for _, v := range all {
		var holds []string
		for _, kind := range slices.Sorted(maps.Keys(v.Records)) {
			holds = append(holds, fmt.Sprintf("%s %d", kind, v.Records[kind]))
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Dir, cmp.Or(v.Experiment, "-"), v.Layout, v.State,
			cmp.Or(string(v.Verdict), "-"), cmp.Or(strings.Join(holds, ", "), "-"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, v := range all {
		for _, line := range v.lines() {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// lines are what a directory's row has no room for.
func (v *validated) lines() []string {
	var out []string
	for _, t := range v.Troubles {
		out = append(out, t.String())
	}
	if more := v.Damaged - len(v.Troubles); more > 0 {
		out = append(out, fmt.Sprintf("%s: %d more lines can't be read", v.Dir, more))
	}
	if v.State == stateUnfinished {
		out = append(out, v.Dir+": ends without a verdict: the run was killed, or goes on; what it saw until then counts")
	}
	if len(v.Missing) > 0 {
		out = append(out, fmt.Sprintf("%s: %s missing: take the whole directory", v.Dir, strings.Join(v.Missing, ", ")))
	}
	for _, l := range v.Lacks {
		out = append(out, fmt.Sprintf("%s: this layout has no %s", v.Dir, l))
	}
	return out
}
