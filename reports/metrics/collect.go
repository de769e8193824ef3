package metrics

import (
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// collector gathers figures that share an experiment and an engine.
type collector struct {
	experiment, engine string
	all                []v1.Metric
}

// add adds a figure of n samples; labels are pairs of name and value.
func (c *collector) add(name string, value float64, n int, labels ...string) {
	m := v1.Metric{Name: name, Value: value, N: n, Labels: map[string]string{LabelExperiment: c.experiment, LabelEngine: c.engine}}
	for i := 0; i+1 < len(labels); i += 2 {
		m.Labels[labels[i]] = labels[i+1]
	}
	c.all = append(c.all, m)
}

// some is add for a figure that may have had no sample, in milliseconds.
func (c *collector) some(name string, ms *float64, n int, labels ...string) {
	if ms != nil {
		c.add(name, *ms/1000, n, labels...)
	}
}

// verdict adds what every run has.
func (c *collector) verdict(r *v1.NightRun) {
	for _, v := range []v1.Verdict{v1.VerdictPass, v1.VerdictFail, v1.VerdictVoid} {
		is := 0.0
		if v == r.Verdict {
			is = 1
		}
		c.add(Verdict, is, 0, labelVerdict, string(v))
	}
	c.add(Duration, r.Seconds, 0)
}

// OfRun are the figures that every run has, whatever became of it.
func OfRun(r *v1.NightRun) []v1.Metric {
	c := collector{experiment: r.Experiment, engine: r.Engine}
	c.verdict(r)
	return c.all
}

// OfConformance are the figures of a conformance run.
func OfConformance(experiment, engine string, f *v1.Figures) []v1.Metric {
	c := collector{experiment: experiment, engine: engine}
	for outcome, n := range map[v1.Outcome]int{
		v1.Pass: f.Passed, v1.Fail: f.Failed, v1.Inconclusive: f.Inconclusive, v1.Skipped: f.Skipped,
		v1.NotSupported: f.NotSupported, v1.Error: f.Errors, v1.Unfinished: f.Unfinished,
	} {
		c.add(Cases, float64(n), 0, labelOutcome, word(string(outcome)))
	}
	for outcome, n := range map[string]int{"pass": f.CellsPassed, "fail": f.CellsFailed, "inconclusive": f.CellsVoid, "observed": f.CellsObserved} {
		c.add(Cells, float64(n), 0, labelOutcome, outcome)
	}
	c.add(Failures, float64(f.Leaks), 0, labelKind, "leak")
	c.add(Failures, float64(f.Outages), 0, labelKind, "outage")
	if f.SentinelLeaked != nil && f.SentinelLost != nil {
		c.add(Packets, float64(*f.SentinelLeaked), 0, labelKind, "leaked")
		c.add(Packets, float64(*f.SentinelLost), 0, labelKind, "lost")
	}
	if f.ConvergenceN > 0 {
		c.add(Censored, float64(f.ConvergenceCensored)/float64(f.ConvergenceN), f.ConvergenceN, labelTransition, "all")
	}
	for statistic, ms := range map[string]*float64{"p50": f.ConvergenceP50, "p90": f.ConvergenceP90, "p99": f.ConvergenceP99, "max": f.ConvergenceMax} {
		c.some(Convergence, ms, f.ConvergenceN, labelTransition, "all", labelStatistic, statistic)
	}
	if f.CellsPerSecond != nil {
		c.add(CellRate, *f.CellsPerSecond, f.Cells)
	}
	if f.LabReadySeconds != nil {
		c.add(Ready, *f.LabReadySeconds, 0)
	}
	c.some(Late, &f.ProbesLate, f.Probes)
	return c.all
}

// word is an outcome as a label: NotSupported is not_supported.
func word(outcome string) string {
	var out strings.Builder
	for i, r := range outcome {
		if i > 0 && r >= 'A' && r <= 'Z' {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return strings.ToLower(out.String())
}

// OfChaos are the figures of a chaos run.
func OfChaos(experiment, engine string, f *v1.ChaosFigures) []v1.Metric {
	c := collector{experiment: experiment, engine: engine}
	c.add(Packets, float64(f.Leaked), int(f.MustDrop), labelKind, "leaked")
	c.add(Packets, float64(f.Lost), int(f.MustPass), labelKind, "lost")
	c.some(Repair, f.RepairP50, f.RepairN, labelStatistic, "p50")
	c.some(Repair, f.RepairMax, f.RepairN, labelStatistic, "max")
	if f.Ticks > 0 {
		c.add(Missed, float64(f.MissedTicks)/float64(f.Ticks), 0)
	}
	return c.all
}

// OfScale are the figures of one engine in a scale run.
func OfScale(experiment string, s *v1.EngineSummary) []v1.Metric {
	c := collector{experiment: experiment, engine: s.Engine}
	if s.Floor != nil {
		c.transition(s.Floor)
	}
	for i := range s.Transitions {
		c.transition(&s.Transitions[i])
	}
	if s.Repeats > 0 {
		c.add(Packets, float64(s.LeakPackets), 0, labelKind, "leaked")
		c.add(Packets, float64(s.LostPackets), 0, labelKind, "lost")
	}
	for i := range s.Memory {
		c.cost(&s.Memory[i], s.Repeats)
	}
	return c.all
}

func (c *collector) transition(t *v1.Transition) {
	for statistic, f := range map[string]v1.Figure{"p50": t.P50, "p90": t.P90, "p99": t.P99, "max": t.Max} {
		c.some(Convergence, f.Value, t.N, labelTransition, t.Transition, labelStatistic, statistic)
	}
	if t.N > 0 {
		c.add(Censored, float64(t.Censored)/float64(t.N), t.N, labelTransition, t.Transition)
	}
	c.add(WrongSeconds, t.LeakSeconds, t.Pairs, labelTransition, t.Transition, labelKind, "leak")
	c.add(WrongSeconds, t.OutSeconds, t.Pairs, labelTransition, t.Transition, labelKind, "outage")
}

// cost adds a row of the table of costs, in base units.
func (c *collector) cost(row *v1.MemoryRow, n int) {
	for _, phase := range v1.Phases() {
		value := row.At(phase)
		if value == nil {
			continue
		}
		switch row.Unit {
		case v1.UnitBytes:
			c.add(Memory, *value, n, labelReading, row.Name, labelPhase, phase)
		case v1.UnitCPU:
			_, change, _ := strings.Cut(row.Name, "/")
			c.add(CPUPerChange, *value/1000, n, labelPhase, change)
		case v1.UnitPercent:
			c.add(CPUShare, *value/100, n, labelReading, row.Name, labelPhase, phase)
		default:
			c.add(Reading, *value, n, labelReading, row.Name, labelPhase, phase)
		}
	}
}
