package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/chaos/account"
)

// Summary is summary.json. A figure without a sample is null.
type Summary struct {
	Verdict v1.Verdict `json:"verdict"`
	Reasons []string   `json:"reasons"`
	Figures Figures    `json:"figures"`
	Seed    uint64     `json:"seed"`
	Seconds float64    `json:"seconds"`
}

// Figures are those of all backends together. Times are in milliseconds.
type Figures struct {
	MustDrop     uint64   `json:"must_drop"` // UDP packets
	Leaked       uint64   `json:"leaked"`    // UDP packets and TCP connections
	MustPass     uint64   `json:"must_pass"`
	Lost         uint64   `json:"lost"`
	Unproven     uint64   `json:"unproven"`
	Overflow     uint64   `json:"overflow"`
	TCPMustDrop  uint64   `json:"tcp_must_drop"`
	TCPMustPass  uint64   `json:"tcp_must_pass"`
	Inconclusive uint64   `json:"tcp_inconclusive"`
	Ticks        uint64   `json:"ticks"`
	MissedTicks  uint64   `json:"missed_ticks"`
	Edits        int      `json:"edits"`
	Kills        int      `json:"kills"`
	Terms        int      `json:"terms"`
	Recreates    int      `json:"recreates"`
	APIOutages   int      `json:"api_outages"`
	LockHolds    int      `json:"lock_holds"`
	Drifts       int      `json:"drifts"`
	DriftLeaked  uint64   `json:"drift_leaked"`
	DriftLost    uint64   `json:"drift_lost"`
	RepairP50    *float64 `json:"repair_p50_ms"`
	RepairMax    *float64 `json:"repair_max_ms"`
	RepairN      int      `json:"repair_n"`
	BacklogDrops uint64   `json:"backlog_drops"`
}

// Summarize puts the backends' results together. A backend that could not be finished
// makes a run void that did not fail.
func Summarize(results []*Result, seed uint64, limits account.Limits, failed error) Summary {
	s := Summary{Seed: seed, Reasons: []string{}}
	var tally account.Tally
	var repairs []float64
	f := &s.Figures
	for _, r := range results {
		tally.Add(r.Tally)
		repairs = append(repairs, r.Repairs...)
		f.count(r)
		s.Seconds += r.Seconds
	}
	f.packets(tally)
	f.RepairP50, f.RepairMax, f.RepairN = v1.Quantile(repairs, 0.5), v1.Quantile(repairs, 1), len(repairs)
	var why []string
	s.Verdict, why = tally.Verdict(limits)
	s.Reasons = append(s.Reasons, why...)
	if failed != nil {
		s.Reasons = append(s.Reasons, failed.Error())
		if s.Verdict == v1.VerdictPass {
			s.Verdict = v1.VerdictVoid
		}
	}
	return s
}

func (f *Figures) count(r *Result) {
	f.Edits += r.Done.Edits
	f.Kills += r.Done.Kills
	f.Terms += r.Done.Terms
	f.Recreates += r.Done.Recreates
	f.APIOutages += r.Done.APIOutages
	f.LockHolds += r.Done.LockHolds
	f.Drifts += r.Done.Drifts
	f.BacklogDrops += r.BacklogDrops
}

func (f *Figures) packets(t account.Tally) {
	f.MustDrop, f.MustPass = t.UDP.MustDrop, t.UDP.MustPass
	f.Leaked, f.Lost = t.UDP.Leaked+t.TCP.Leaked, t.UDP.Lost+t.TCP.Lost
	f.Unproven, f.Overflow = t.UDP.Unproven, t.UDP.Overflow
	f.TCPMustDrop, f.TCPMustPass, f.Inconclusive = t.TCP.MustDrop, t.TCP.MustPass, t.TCP.Inconclusive
	f.Ticks, f.MissedTicks = t.Ticks, t.Missed
	f.DriftLeaked, f.DriftLost = t.Drift.Leaked, t.Drift.Lost
}

// evidence is evidence.json.
type evidence struct {
	Findings []account.Finding `json:"findings"`
	Faults   []account.Fault   `json:"faults"`
}

// Write writes report.txt, evidence.json and, last, summary.json into dir.
func Write(dir string, results []*Result, s Summary) error {
	e := evidence{Findings: []account.Finding{}, Faults: []account.Fault{}}
	for _, r := range results {
		e.Findings = append(e.Findings, r.Tally.Findings...)
		e.Faults = append(e.Faults, r.Faults...)
	}
	return errors.Join(
		write(dir, "report.txt", func(w io.Writer) error { return Text(w, results, s) }),
		write(dir, "evidence.json", func(w io.Writer) error { return indented(w, e) }),
		write(dir, "summary.json", func(w io.Writer) error { return indented(w, s) }),
	)
}

// write never leaves a file that is not whole under its name.
func write(dir, name string, do func(io.Writer) error) error {
	path := filepath.Join(dir, name)
	f, err := os.Create(path + ".partial")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := errors.Join(do(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(path+".partial", path)
}

func indented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Text writes the report for people: a row per backend, the repairs, the evidence.
func Text(w io.Writer, results []*Result, s Summary) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BACKEND\tMUST DROP\tLEAKED\tMUST PASS\tLOST\tTCP DROP\tLEAKED\tTCP PASS\tLOST\tMISSED TICKS\tEDITS\tKILLS\tTERMS\tRECREATES\tSECONDS")
	for _, r := range results {
		u, t, d := r.Tally.UDP, r.Tally.TCP, r.Done
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d/%d\t%d\t%d\t%d\t%d\t%.0f\n", r.Backend, u.MustDrop, u.Leaked, u.MustPass, u.Lost,
			t.MustDrop, t.Leaked, t.MustPass, t.Lost, r.Tally.Missed, r.Tally.Ticks, d.Edits, d.Kills, d.Terms, d.Recreates, r.Seconds)
	}
	fmt.Fprintln(tw, "\nREPAIR OF DRIFT, MILLISECONDS\tN\tP50\tMAX")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", r.Backend, len(r.Repairs), at(r.Repairs, 0.5), at(r.Repairs, 1))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	f := s.Figures
	fmt.Fprintf(w, "\nDuring drift, counted apart: %d leaked, %d lost. Lost perhaps in a receiver's own socket: %d.\n", f.DriftLeaked, f.DriftLost, f.Overflow)
	for _, r := range results {
		for i, found := range r.Tally.Findings {
			if i == 20 {
				fmt.Fprintln(w, "more in evidence.json")
				break
			}
			fmt.Fprintf(w, "%s %s: %d %s of %s %s, %.1f ms at %.3f s\n", found.Backend, found.Phase, found.Count, found.What, found.Flow, found.Protocol, ms(found.To-found.From), found.From.Seconds())
		}
	}
	fmt.Fprintf(w, "\nverdict: %s (seed %d)\n", s.Verdict, s.Seed)
	for _, reason := range s.Reasons {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	return nil
}

func at(samples []float64, q float64) string {
	v := v1.Quantile(samples, q)
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *v)
}
