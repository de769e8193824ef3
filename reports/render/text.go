package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// text writes a report and keeps the first error of its writer.
type text struct {
	w     io.Writer
	paint painter
	err   error
}

// newText writes to w, in colour where w can.
func newText(w io.Writer) *text {
	t := &text{w: w, paint: unpainted{}}
	if p, ok := w.(painter); ok {
		t.paint = p
	}
	return t
}

func (t *text) line(format string, args ...any) {
	if t.err != nil {
		return
	}
	line := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	_, t.err = fmt.Fprintln(t.w, line)
}

// Text writes the report for people: conditions, figures, a table of cases, and for each
// case that did not pass what was expected, what was seen, and why.
func Text(w io.Writer, run *v1.Run) error {
	t := newText(w)
	t.conditions(run)
	t.figures(run)
	t.table(run)
	t.observed(run)
	t.notes(run)
	t.failures(run)
	return t.err
}

func (t *text) conditions(run *v1.Run) {
	t.line("netassay conformance: %s", t.verdict(run.Verdict(), strings.ToUpper(string(run.Verdict()))))
	t.line("")
	t.line("engine       %s %s", run.Engine, run.EngineVersion)
	for _, lack := range run.Lacks {
		t.line("not judged   %s", lack)
	}
	t.line("cluster      %s: Kubernetes %s, kernel %s, %d nodes", run.Cluster, run.Kubernetes, run.Kernel, run.Nodes)
	t.line("families     %s", strings.Join(run.Families, ", "))
	t.line("run          %s by netassay %s, seed %d, %d cases at once", run.ID, run.Tool, run.Seed, run.Parallel)
	for _, p := range run.Resumed {
		t.line("resumed      run %s, in which %d cases were judged", p.ID, p.Cases)
	}
	t.line("time         %s, took %.1f s%s", run.Started.UTC().Format(time.RFC3339),
		run.Finished.Sub(run.Started).Seconds(), labReady(run))
	t.line("probing      timeout %s, silence %s, hold %s, deadline %s, rounds every %s, %s while changing",
		ms(run.Timing.Timeout), ms(run.Timing.Silence), ms(run.Timing.Hold), ms(run.Timing.Deadline), ms(run.Timing.RoundEvery), ms(run.Timing.FastEvery))
	t.line("")
}

func labReady(run *v1.Run) string {
	if run.LabReady == nil {
		return ""
	}
	return fmt.Sprintf("; lab ready after %.1f s", *run.LabReady)
}

func (t *text) figures(run *v1.Run) {
	f := run.Figures()
	converged := func(q *float64) string {
		if q == nil && f.ConvergenceCensored > 0 {
			return "> " + ms(run.Timing.Deadline) // the rank falls on a cell that was never right
		}
		return msOrNone(q)
	}
	t.line("cases        %d: %s", f.Cases, counts(
		f.Passed, "passed", f.Failed, "failed", f.Inconclusive, "inconclusive", f.NotSupported, "not supported",
		f.Skipped, "skipped", f.Errors, "in error", f.Unfinished, "unfinished"))
	t.line("cells        %d: %s", f.Cells, counts(
		f.CellsPassed, "right", f.CellsFailed, "wrong", f.CellsVoid, "inconclusive", f.CellsObserved, "undefined (observed, not judged)"))
	t.line("wrong        leaks: %d, outages: %d, flips: %d", f.Leaks, f.Outages, f.Flips)
	t.line("probes       %d, %s cells/s, sent at most %.1f ms late", f.Probes, number(f.CellsPerSecond, "%.0f"), f.ProbesLate)
	t.sentinel(run, f)
	t.line("convergence  p50 %s, p90 %s, p99 %s, max %s (n=%d changed cells, %d never right; from the ack of a step)",
		converged(f.ConvergenceP50), converged(f.ConvergenceP90), converged(f.ConvergenceP99), converged(f.ConvergenceMax),
		f.ConvergenceN, f.ConvergenceCensored)
	t.line("resolution   p50 %s (n=%d: from the last wrong probe to the stable right one)", msOrNone(f.ResolutionP50), f.ResolutionN)
	t.line("")
}

// counts is "2 passed, 1 failed" of pairs; what is zero is left out, but not the first.
func counts(pairs ...any) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if n, _ := pairs[i].(int); n > 0 || i == 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, pairs[i+1]))
		}
	}
	return strings.Join(parts, ", ")
}

// table lists all cases; times are of the changed cells, until they were first right.
func (t *text) table(run *v1.Run) {
	width := len("case")
	for i := range run.Cases {
		width = max(width, len(run.Cases[i].Name))
	}
	t.line("%-12s  %-*s  %6s  %11s  %11s  %8s", "outcome", width, "case", "cells", "first right", "slowest", "seconds")
	for i := range run.Cases {
		c := &run.Cases[i]
		cells, first := firstRights(c)
		t.line("%s  %-*s  %6d  %11s  %11s  %8.1f", t.outcome(c.Outcome, fmt.Sprintf("%-12s", c.Outcome)), width, c.Name, cells,
			msOrNone(v1.Quantile(first, 0.5)), msOrNone(v1.Quantile(first, 1)), c.Seconds)
	}
	t.line("")
}

// firstRights counts the cells and gives the times to the first right probe of the changed.
func firstRights(c *v1.Case) (cells int, times []float64) {
	for i := range c.Steps {
		for j := range c.Steps[i].Cells {
			cell := &c.Steps[i].Cells[j]
			cells++
			if cell.Changed && cell.FirstRight != nil {
				times = append(times, *cell.FirstRight)
			}
		}
	}
	return cells, times
}

func (t *text) notes(run *v1.Run) {
	for _, n := range run.Notes {
		t.line("note: %s", n)
	}
	if s := run.Sentinel; s != nil {
		for _, n := range s.Notes {
			t.line("note: sentinels: %s", n)
		}
	}
	if len(run.Notes) > 0 || run.Sentinel != nil && len(run.Sentinel.Notes) > 0 {
		t.line("")
	}
}

func (t *text) failures(run *v1.Run) {
	if s := run.Sentinel; s != nil && s.Outcome != v1.Pass {
		t.line("== sentinels: %s", t.outcome(s.Outcome, string(s.Outcome)))
		t.sentinelDetails(s)
		t.line("")
	}
	matrices := false
	for i := range run.Cases {
		c := &run.Cases[i]
		if c.Outcome == v1.Pass {
			continue
		}
		t.line("== %s: %s", c.Name, t.outcome(c.Outcome, string(c.Outcome)))
		t.caseDetails(c)
		t.line("")
		matrices = matrices || len(c.Steps) > 0
	}
	if matrices {
		t.legend()
	}
}

func (t *text) legend() {
	t.line("Rows are clients, columns are servers.")
	t.line("expected  . allow   X deny   - undefined by the API")
	t.line("observed  . connected   X blocked   R blocked by an answer   ? inconclusive")
	t.line("verdict   . right   X wrong   ? inconclusive   - not judged")
}

func number(v *float64, format string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

func ms(v float64) string { return fmt.Sprintf("%g ms", v) }

func msOrNone(v *float64) string { return number(v, "%.1f ms") }

// Run writes the run without its cells.
func Run(w io.Writer, run *v1.Run) error {
	short := *run
	short.Cases = make([]v1.Case, len(run.Cases))
	for i := range run.Cases {
		short.Cases[i] = run.Cases[i].WithoutCells()
	}
	return JSON(w, short)
}

// JSON writes v for machines and for diffs.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
