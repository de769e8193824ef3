package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	v1 "github.com/netassay/netassay/reports/v1"
)

// The files of a result folder.
const (
	SamplesFile = "samples.jsonl" // every sample, as it was known
	SummaryFile = "summary.json"
	ReportFile  = "report.txt"
)

// Schema names the form of summary.json.
const Schema = "netassay/scale/v1alpha1"

// Summary is all runs of one command.
type Summary struct {
	Schema  string    `json:"schema"`
	Verdict string    `json:"verdict"` // the worst of the runs with bounds
	Runs    []*Result `json:"runs"`
}

// Summarize gathers runs. void is worse than fail: it says nothing.
func Summarize(runs []*Result) Summary {
	s := Summary{Schema: Schema, Verdict: string(v1.VerdictPass), Runs: runs}
	order := []string{string(v1.VerdictPass), string(v1.VerdictFail), string(v1.VerdictVoid)}
	for _, r := range runs {
		if slices.Index(order, r.Verdict) > slices.Index(order, s.Verdict) {
			s.Verdict = r.Verdict
		}
	}
	if len(runs) == 0 {
		s.Verdict = string(v1.VerdictVoid)
	}
	return s
}

// Write leaves summary.json and report.txt in dir; samples.jsonl is there already.
func Write(dir string, s Summary) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	report, err := os.Create(filepath.Join(dir, ReportFile))
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := errors.Join(Text(report, s), report.Close()); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, SummaryFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// Text writes the tables: convergence and memory, a column per run.
func Text(w io.Writer, s Summary) error {
	var errs []error
	for _, part := range []func(io.Writer, Summary) error{convergenceTable, costTable, churnTable, noteList} {
		errs = append(errs, part(w, s))
	}
	_, err := fmt.Fprintf(w, "\nverdict: %s\n", s.Verdict)
	return errors.Join(append(errs, err)...)
}

func head(r *Result) string {
	name := r.Engine
	if r.Repeat > 0 {
		name += fmt.Sprintf(" #%d", r.Repeat+1)
	}
	return name
}

// line writes one row of a table: a label, and a cell per run.
func line(t io.Writer, label string, runs []*Result, cell func(*Result) string) {
	fmt.Fprint(t, label)
	for _, r := range runs {
		fmt.Fprintf(t, "\t%s", cell(r))
	}
	fmt.Fprintln(t, "\t")
}

func convergenceTable(w io.Writer, s Summary) error {
	fmt.Fprintln(w, "convergence: ms from the API server's answer until the slowest pair was right and stayed so; p50 / p99 / max (n)")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "", s.Runs, head)
	for _, kind := range append([]Kind{Floor}, Kinds()...) {
		label := string(kind)
		if kind == Floor {
			label += " (no engine)"
		}
		line(t, label, s.Runs, func(r *Result) string {
			row, ok := r.Row(kind)
			if !ok {
				return "-"
			}
			return quantiles(row.AfterAck, r.DeadlineMS)
		})
	}
	line(t, "packets that reached new pods", s.Runs, newPodCell)
	line(t, "packets of a denied flow that passed", s.Runs, func(r *Result) string {
		var leaked, sent uint64
		for _, b := range r.Bystanders {
			leaked, sent = leaked+b.Leaked, sent+b.MustDrop
		}
		return fmt.Sprintf("%d of %d", leaked, sent)
	})
	line(t, "  of them at the restart", s.Runs, func(r *Result) string {
		return bystander(r, func(b Bystanders) string { return fmt.Sprintf("%d of %d", b.Leaked, b.MustDrop) })
	})
	line(t, "packets of allowed flows that were lost", s.Runs, func(r *Result) string {
		var lost, sent uint64
		for _, b := range r.Bystanders {
			lost, sent = lost+b.Lost, sent+b.MustPass
		}
		return fmt.Sprintf("%d of %d", lost, sent)
	})
	line(t, "wrong-verdict-seconds, leak / outage", s.Runs, func(r *Result) string {
		var leak, outage float64
		for _, row := range r.Rows {
			if row.Kind != Floor {
				leak, outage = leak+row.Leak, outage+row.Outage
			}
		}
		return fmt.Sprintf("%.2f / %.2f", leak, outage)
	})
	line(t, "sets right after 200 pods changed", s.Runs, stateCell)
	return t.Flush()
}

func quantiles(q Quantiles, deadline float64) string {
	at := func(v *float64) string {
		if v == nil {
			return fmt.Sprintf(">%.0f", deadline)
		}
		return fmt.Sprintf("%.1f", *v)
	}
	if q.N == 0 {
		return fmt.Sprintf("void (%d)", q.Void)
	}
	text := fmt.Sprintf("%s / %s / %s (%d)", at(q.P50), at(q.P99), at(q.Max), q.N)
	if q.Censored > 0 {
		text += fmt.Sprintf(", %d never", q.Censored)
	}
	return text
}

func newPodCell(r *Result) string {
	pods, leaky, packets, worst := 0, 0, 0, 0.0
	for _, p := range r.NewPods {
		if p.Void != "" {
			continue
		}
		pods++
		packets += p.Leaked
		worst = max(worst, p.Window)
		if p.Leaked > 0 {
			leaky++
		}
	}
	if pods == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, at %d of %d pods, longest %.0f ms", packets, leaky, pods, worst)
}

func bystander(r *Result, cell func(Bystanders) string) string {
	for _, b := range r.Bystanders {
		if b.Phase == "restart" {
			return cell(b)
		}
	}
	return "-"
}

func stateCell(r *Result) string {
	var all []Sample
	for _, s := range r.States {
		all = append(all, Sample{Ack: s.Ack, Censored: s.Censored})
	}
	if len(all) == 0 {
		return "-"
	}
	return quantiles(QuantilesOf(all, func(s Sample) float64 { return s.Ack }), r.DeadlineMS)
}

// costTable has the memory rows.
func costTable(w io.Writer, s Summary) error {
	fmt.Fprintln(w, "\nmemory in MiB, and what it costs")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "", s.Runs, head)
	for _, phase := range []string{"baseline", "loaded", "restarted", "churn", "after delete"} {
		line(t, phase+": RSS, VmHWM", s.Runs, func(r *Result) string {
			c, ok := r.Cost(phase)
			if !ok {
				return "-"
			}
			return fmt.Sprintf("%.1f, %.1f", c.RSS, c.HWM)
		})
	}
	loaded := func(cell func(Cost) string) func(*Result) string {
		return func(r *Result) string {
			c, ok := r.Cost("restarted")
			if !ok {
				return "-"
			}
			return cell(c)
		}
	}
	line(t, "restarted: PSS", s.Runs, loaded(func(c Cost) string { return fmt.Sprintf("%.1f", c.PSS) }))
	line(t, "restarted: Go heap", s.Runs, loaded(func(c Cost) string { return optional(c.Heap) }))
	line(t, "cgroup: working set, kernel, peak", s.Runs, loaded(func(c Cost) string {
		return optional(c.WorkingSet) + ", " + optional(c.Kernel) + ", " + optional(c.CgroupPeak)
	}))
	line(t, "ipsets in the kernel: MiB, sets, entries", s.Runs, loaded(func(c Cost) string { return fmt.Sprintf("%.1f, %d, %d", c.SetsMiB, c.Sets, c.SetEntries) }))
	line(t, "iptables rules, lines of nft", s.Runs, loaded(func(c Cost) string { return fmt.Sprintf("%d, %d", c.Rules, c.NFT) }))
	line(t, "after delete, of the baseline", s.Runs, func(r *Result) string {
		if ratio, ok := r.Back(); ok {
			return fmt.Sprintf("%.0f %%", 100*ratio)
		}
		return "-"
	})
	line(t, "growth per cycle, 95 % interval", s.Runs, func(r *Result) string {
		if r.Slope == nil {
			return "-"
		}
		return fmt.Sprintf("%.3f (%.3f to %.3f), n=%d", r.Slope.PerCycle, r.Slope.Low, r.Slope.High, r.Slope.N)
	})
	line(t, "start on the loaded cluster, s", s.Runs, func(r *Result) string {
		for _, st := range r.Starts {
			if st.Phase == "restart" {
				return fmt.Sprintf("%.1f", st.Seconds)
			}
		}
		return "-"
	})
	line(t, "API bytes received, MiB", s.Runs, func(r *Result) string {
		if len(r.Costs) == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f", mib(int64(r.Costs[len(r.Costs)-1].APIReceived)))
	})
	for _, phase := range phasesWithCPU(s.Runs) {
		line(t, "CPU ms per change: "+phase, s.Runs, func(r *Result) string {
			for _, c := range r.CPU {
				if c.Phase == phase {
					return fmt.Sprintf("%.1f (%d)", c.PerChange(), c.Changes)
				}
			}
			return "-"
		})
	}
	return t.Flush()
}

func phasesWithCPU(runs []*Result) []string {
	var out []string
	for _, r := range runs {
		for _, c := range r.CPU {
			if c.Phase != "floor" && !slices.Contains(out, c.Phase) {
				out = append(out, c.Phase)
			}
		}
	}
	return out
}

func optional(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprintf("%.1f", *v)
}

// churnTable has the changes by the clock.
func churnTable(w io.Writer, s Summary) error {
	var labels []string
	for _, r := range s.Runs {
		for _, row := range r.Rows {
			if label := row.Phase + ": " + string(row.Kind); isChurn(row.Phase) && !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
	}
	if len(labels) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nby the clock: ms from the scheduled time until the slowest pair was right; p50 / p99 / max (n)")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(t, "", s.Runs, head)
	for _, label := range labels {
		line(t, label, s.Runs, func(r *Result) string {
			for _, row := range r.Rows {
				if row.Phase+": "+string(row.Kind) == label {
					return quantiles(row.AfterDue, r.DeadlineMS)
				}
			}
			return "-"
		})
	}
	return t.Flush()
}

// noteList has the conditions of each run.
func noteList(w io.Writer, s Summary) error {
	var b strings.Builder
	for _, r := range s.Runs {
		missed := 0.0
		if r.Ticks > 0 {
			missed = 100 * float64(r.Missed) / float64(r.Ticks)
		}
		fmt.Fprintf(&b, "\n%s: %s", head(r), r.Verdict)
		if len(r.Reasons) > 0 {
			fmt.Fprintf(&b, ": %s", strings.Join(r.Reasons, "; "))
		}
		fmt.Fprintf(&b, "\n  %s\n  families %s; ipBlock policy of %d CIDRs (%d bytes); a packet each %g ms per flow\n",
			r.Profile, strings.Join(r.Families, ", "), r.CIDRs, r.PolicyBytes, r.IntervalMS)
		fmt.Fprintf(&b, "  populated in %.0f s, %.0f s in all; senders missed %.1f %% of ticks; other work on the host took %.0f %% of the processors, a task waited for one %.0f %% of the time\n",
			r.PopulateSeconds, r.Seconds, missed, 100*(r.Pressure.Foreign+r.Pressure.Stolen), 100*r.Pressure.Stalled)
		for _, u := range r.Unsupported {
			fmt.Fprintf(&b, "  lacks %s\n", u)
		}
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "  note: %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
