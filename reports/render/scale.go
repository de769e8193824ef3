package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// ScaleText writes the report of a scale run for people: conditions, convergence, memory, growth, and why what
// is void is void.
func ScaleText(w io.Writer, d *v1.ScaleData, s *v1.ScaleSummary) error {
	var b strings.Builder
	scaleConditions(&b, &d.Run, s)
	for _, table := range []func(io.Writer, *v1.ScaleSummary){editsTable, convergence, memoryTable, slopesTable, costsTable} {
		var rows strings.Builder
		t := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
		table(t, s)
		if err := t.Flush(); err != nil {
			return err
		}
		if strings.Count(rows.String(), "\n") > 1 { // more than the head
			for line := range strings.Lines(rows.String()) {
				b.WriteString(strings.TrimRight(line, " \n") + "\n")
			}
			b.WriteString("\n")
		}
	}
	scaleNotes(&b, &d.Run, s)
	_, err := io.WriteString(w, b.String())
	return err
}

// editsTable is a line per engine, number of ipBlocks and kind of change: at how many changes flows
// that no policy spoke differently of met a wrong verdict, and for how long at most.
func editsTable(w io.Writer, s *v1.ScaleSummary) {
	fmt.Fprintln(w, "engine\tipBlocks\tchange\tnew, opened\tlongest\tnew, shut\tlongest\testablished, cut\tlongest\tvoid")
	for i := range s.Engines {
		for _, r := range s.Engines[i].Edits {
			blocks := "-"
			if r.Blocks > 0 {
				blocks = strconv.Itoa(r.Blocks)
			}
			fmt.Fprintf(w, "%s\t%s\t%s", s.Engines[i].Engine, blocks, r.Change)
			for _, of := range []v1.Wronged{r.Opened, r.Shut, r.Cut} {
				fmt.Fprintf(w, "\t%s\t%s", of, of.Lasted())
			}
			fmt.Fprintf(w, "\t%d\n", r.Void())
		}
	}
}

func scaleConditions(w io.Writer, r *v1.ScaleRun, s *v1.ScaleSummary) {
	fmt.Fprintf(w, "netassay scale: %s\n\n", strings.ToUpper(string(s.Verdict)))
	fmt.Fprintf(w, "profile   %s\n", r.Profile)
	if r.Churn != "" {
		fmt.Fprintf(w, "churn     %s\n", r.Churn)
	}
	fmt.Fprintf(w, "cluster   %s: Kubernetes %s, kernel %s, %d CPUs, %s\n", r.Cluster, r.Kubernetes, r.Kernel, r.CPUs, v1.Quantity(float64(r.Memory), v1.UnitBytes))
	fmt.Fprintf(w, "run       %s by netassay %s, %s, took %.0f s\n", r.ID, r.Tool, r.Started.UTC().Format(time.RFC3339), r.Finished.Sub(r.Started).Seconds())
	fmt.Fprintf(w, "probing   a packet each %g ms, hold %g ms, deadline %g ms\n\n", r.Timing.Period, r.Timing.Hold, r.Timing.Deadline)
}

// convergence is a line per engine and transition, from the ack of the change to right on
// the slowest pair.
func convergence(w io.Writer, s *v1.ScaleSummary) {
	if !slices.ContainsFunc(s.Engines, func(e v1.EngineSummary) bool { return e.Floor != nil || len(e.Transitions) > 0 || len(e.Memory) == 0 }) {
		return // a run in which nothing was timed
	}
	fmt.Fprintln(w, "engine\ttransition\tn\tp50 ms\tp99 ms\tmax ms\tfrom due p99\tseen p50\tdone p50\tlate\tvoid\tleaked\tlost\tleak s\toutage s")
	for i := range s.Engines {
		e := &s.Engines[i]
		rows := e.Transitions
		if e.Floor != nil {
			rows = append([]v1.Transition{*e.Floor}, rows...)
		}
		for _, t := range rows {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.3f\t%.3f\n", e.Engine, t.Transition, t.N,
				t.P50, t.P99, t.Max.Bare(), t.DueP99.Bare(), number(t.SeenP50, "%.1f"), number(t.CommitP50, "%.1f"), t.Censored, t.Void, t.LeakPackets, t.LostPackets, t.LeakSeconds, t.OutSeconds)
		}
		for _, l := range e.Lacks {
			fmt.Fprintf(w, "%s\t%s\tNotSupported: %s\n", e.Engine, l.What, l.Reason)
		}
		if len(rows) == 0 {
			fmt.Fprintf(w, "%s\t-\t0\n", e.Engine)
		}
	}
}

// memoryTable has a column for each phase that was measured.
func memoryTable(w io.Writer, s *v1.ScaleSummary) {
	phases := slices.DeleteFunc(v1.Phases(), func(p string) bool {
		return !slices.ContainsFunc(s.Engines, func(e v1.EngineSummary) bool {
			return slices.ContainsFunc(e.Memory, func(row v1.MemoryRow) bool { return row.At(p) != nil })
		})
	})
	fmt.Fprintf(w, "engine\tcost\t%s\tdeleted/baseline\n", strings.Join(phases, "\t"))
	for i := range s.Engines {
		for _, row := range s.Engines[i].Memory {
			fmt.Fprintf(w, "%s\t%s", s.Engines[i].Engine, row.Name)
			for _, p := range phases {
				fmt.Fprintf(w, "\t%s", optional(row.At(p), row.Unit))
			}
			back := "-"
			if row.Return != nil {
				back = fmt.Sprintf("%.0f %%", 100**row.Return)
			}
			fmt.Fprintf(w, "\t%s\n", back)
		}
	}
}

func slopesTable(w io.Writer, s *v1.ScaleSummary) {
	fmt.Fprintln(w, "engine\tcost\tper cycle\t95 % interval\tcycles\tfrom 0")
	for i := range s.Engines {
		for _, l := range s.Engines[i].Slopes {
			differs := "not different"
			if l.Differs {
				differs = "different"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s to %s\t%d\t%s\n", s.Engines[i].Engine, l.Name, v1.Quantity(l.Slope, l.Unit), v1.Quantity(l.Lo, l.Unit), v1.Quantity(l.Hi, l.Unit), l.Cycles, differs)
		}
	}
}

func costsTable(w io.Writer, s *v1.ScaleSummary) {
	fmt.Fprintln(w, "engine\tcost\tper\tvalue\t95 % interval\tn\tR²")
	for i := range s.Engines {
		e := &s.Engines[i]
		for _, c := range e.Costs {
			for _, t := range c.Terms {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s to %s\t%d\t%.3f\n", e.Engine, c.Name, t.Per, v1.Quantity(t.Value, c.Unit), v1.Quantity(t.Lo, c.Unit), v1.Quantity(t.Hi, c.Unit), c.N, c.R2)
			}
			if c.Why != "" {
				fmt.Fprintf(w, "%s\t%s\t-\t%s\n", e.Engine, c.Name, c.Why)
			}
		}
		for _, g := range e.Growth {
			fmt.Fprintf(w, "%s\t%s\t%s^x\tx = %.2f\t%.2f to %.2f\t%d\t%.3f\n", e.Engine, g.Name, g.In, g.Exponent, g.Lo, g.Hi, g.N, g.R2)
		}
	}
}

func scaleNotes(w io.Writer, r *v1.ScaleRun, s *v1.ScaleSummary) {
	for _, reason := range s.Reasons {
		fmt.Fprintln(w, reason)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	fmt.Fprint(w, `Times count from the API server's answer to right on the slowest pair, and may be below 0;
"from due" counts from when the change was to be made; seen and done are when the engine
says that it heard of a change and that it was in the kernel ("-": it does not say). [low, high] is the 95 % bootstrap
interval, "…" an open end: too few samples to bound it. Late is beyond the deadline, kept
as later than all others. The floor is what the method takes without an engine; nothing is
subtracted. Leak s and outage s are wrong-verdict-seconds, summed over pairs.
`)
}

func optional(v *float64, unit string) string {
	if v == nil {
		return "-"
	}
	return v1.Quantity(*v, unit)
}

// GrowthText writes the table: a line per figure, its values by size, and the exponent.
func GrowthText(w io.Writer, sizes []float64, all []v1.Grown) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"engine", "cost"}
	for _, s := range sizes {
		head = append(head, fmt.Sprintf("%g pods", s))
	}
	fmt.Fprintln(t, strings.Join(append(head, "exponent", "95 % interval"), "\t"))
	for i := range all {
		g := &all[i]
		row := []string{g.Engine, g.Name}
		for _, v := range g.Values {
			row = append(row, optional(v, g.Unit))
		}
		if g.Growth == nil {
			row = append(row, "-", g.Why)
		} else {
			row = append(row, fmt.Sprintf("%.2f", g.Growth.Exponent), fmt.Sprintf("%.2f to %.2f", g.Growth.Lo, g.Growth.Hi))
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
