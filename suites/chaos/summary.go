package chaos

import (
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady/account"
)

// Summarize puts what was seen on the backends together. A run that could not be finished is
// void when it did not fail.
func Summarize(run *v1.ChaosRun, limits account.Limits) v1.ChaosSummary {
	s := v1.ChaosSummary{Seed: run.Seed, Reasons: []string{}}
	var tally v1.Tally
	var repairs []float64
	for _, b := range run.Backends {
		tally.Add(b.Tally)
		s.Figures.Done.Add(b.Done)
		repairs = append(repairs, b.Repairs...)
		s.Figures.BacklogDrops += b.BacklogDrops
		s.Seconds += b.Seconds
	}
	f := &s.Figures
	f.RepairP50, f.RepairMax, f.RepairN = v1.Quantile(repairs, 0.5), v1.Quantile(repairs, 1), len(repairs)
	packets(f, tally)
	var why []string
	s.Verdict, why = account.Verdict(tally, limits)
	s.Reasons = append(s.Reasons, why...)
	if run.Trouble != "" {
		s.Reasons = append(s.Reasons, run.Trouble)
		if s.Verdict == v1.VerdictPass {
			s.Verdict = v1.VerdictVoid
		}
	}
	return s
}

func packets(f *v1.ChaosFigures, t v1.Tally) {
	f.MustDrop, f.MustPass = t.UDP.MustDrop, t.UDP.MustPass
	f.Leaked, f.Lost = t.UDP.Leaked+t.TCP.Leaked, t.UDP.Lost+t.TCP.Lost
	f.Unproven, f.Overflow = t.UDP.Unproven, t.UDP.Overflow
	f.TCPMustDrop, f.TCPMustPass, f.Inconclusive = t.TCP.MustDrop, t.TCP.MustPass, t.TCP.Inconclusive
	f.Ticks, f.MissedTicks = t.Ticks, t.Missed
	f.DriftLeaked, f.DriftLost = t.Drift.Leaked, t.Drift.Lost
}
