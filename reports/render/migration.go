package render

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	v1 "github.com/netassay/netassay/reports/v1"
)

// MigrationText writes the report of a change of engine for people: for how long what was open,
// or cut off, on which node.
func MigrationText(w io.Writer, run *v1.MigrationRun, s *v1.MigrationSummary) error {
	t := newText(w)
	t.line("")
	t.line("%s: %d verdicts in %.0f s (%.0f a second)", changeOf(run), s.Verdicts, s.Seconds, s.VerdictsPerSecond)
	t.line("")
	t.migrationRows(s)
	for _, e := range run.Events {
		t.line("%8.3f s  %s", (e.At - run.Origin).Seconds(), e.What)
	}
	if len(run.Leftovers) > 0 {
		t.line("")
	}
	for _, l := range run.Leftovers {
		t.line("%s left on %s: %d %ss (%s)", l.Engine, cmp.Or(l.Node, "the cluster"), l.Count, l.Kind, FirstOf(l.Names, 3, l.Count))
	}
	for _, n := range run.Notes {
		t.line("note: %s", n)
	}
	t.line("")
	switch s.Verdict {
	case v1.VerdictPass:
		t.line("%s: nothing leaked, nothing was lost", t.paint.Good("PASS"))
	case v1.VerdictFail:
		t.line("%s: open for %.3f s, cut off for %.3f s; %s", t.paint.Bad("FAIL"), s.LeakSeconds, s.OutageSeconds, strings.Join(s.Reasons, "; "))
	case v1.VerdictVoid:
		t.line("%s: %s", t.paint.Doubtful("VOID"), cmp.Or(run.Trouble, strings.Join(s.Reasons, "; ")))
	}
	return t.err
}

// changeOf names the change.
func changeOf(run *v1.MigrationRun) string {
	if run.To == "" {
		return "watch"
	}
	return run.From + " to " + run.To
}

// migrationRows is a row for each watch, with times since the run started.
func (t *text) migrationRows(s *v1.MigrationSummary) {
	tab := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "NODE\tPOLICY\tPLACE\tFLOWS\tOPEN FOR\tFROM\tTO\tCUT OFF FOR\tFROM\tTO")
	for i := range s.Rows {
		r := &s.Rows[i]
		fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Node, cmp.Or(r.Policy, "-"), r.Place, r.Flows,
			lastedFor(r.LeakFrom, r.LeakSeconds), instant(r.LeakFrom), instant(r.LeakTo),
			lastedFor(r.OutageFrom, r.OutageSeconds), instant(r.OutageFrom), instant(r.OutageTo))
	}
	if err := tab.Flush(); err != nil && t.err == nil {
		t.err = err
	}
	t.line("")
}

// lastedFor is a length of time, where there was a first instant.
func lastedFor(first *float64, seconds float64) string {
	if first == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f s", seconds)
}

func instant(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f s", *seconds)
}
