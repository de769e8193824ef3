package render

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// mostFindings is how many findings of a chaos run are listed one by one.
const mostFindings = 20

// ChaosText writes the report of a chaos run for people: a row per backend, the times, the
// evidence.
func ChaosText(w io.Writer, run *v1.ChaosRun, s *v1.ChaosSummary) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BACKEND\tMUST DROP\tLEAKED\tMUST PASS\tLOST\tTCP DROP\tLEAKED\tTCP PASS\tLOST\tMISSED TICKS\tEDITS\tKILLS\tTERMS\tRECREATES\tSECONDS")
	for i := range run.Backends {
		b := &run.Backends[i]
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d/%d\t%d\t%d\t%d\t%d\t%.0f\n", b.Backend, b.UDP.MustDrop, b.UDP.Leaked, b.UDP.MustPass, b.UDP.Lost,
			b.TCP.MustDrop, b.TCP.Leaked, b.TCP.MustPass, b.TCP.Lost, b.Missed, b.Ticks, b.Edits, b.Kills, b.Terms, b.Recreates, b.Seconds)
	}
	fmt.Fprintln(tw, "\nREPAIR OF DRIFT, MILLISECONDS\tN\tP50\tMAX")
	for i := range run.Backends {
		b := &run.Backends[i]
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", b.Backend, len(b.Repairs), number(v1.Quantile(b.Repairs, 0.5), "%.1f"), number(v1.Quantile(b.Repairs, 1), "%.1f"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	t := newText(w)
	t.line("")
	f := &s.Figures
	t.line("During drift, counted apart: %d leaked, %d lost. Lost perhaps in a receiver's own socket: %d.", f.DriftLeaked, f.DriftLost, f.Overflow)
	t.findings(run.Findings)
	t.line("")
	t.line("verdict: %s (seed %d)", t.verdict(s.Verdict, string(s.Verdict)), s.Seed)
	for _, reason := range s.Reasons {
		t.line("  %s", reason)
	}
	return t.err
}

// findings lists some of each backend.
func (t *text) findings(all []v1.Finding) {
	listed := map[string]int{}
	for _, f := range all {
		switch n := listed[f.Backend]; {
		case n < mostFindings:
			t.line("%s %s: %d %s of %s %s, %.1f ms at %.3f s", f.Backend, f.Phase, f.Count, f.What, f.Flow, f.Protocol,
				float64(f.To-f.From)/float64(time.Millisecond), f.From.Seconds())
		case n == mostFindings:
			t.line("more of %s in records.jsonl", f.Backend)
		}
		listed[f.Backend]++
	}
}
