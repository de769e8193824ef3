package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/perf/benchmath"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// Metric is one figure of one engine, a value per repeat. Less is better in all.
type Metric struct {
	Engine string
	Name   string // "policy-create/p50"; those that begin with "floor/" are controls
	Unit   string // Millis, v1.UnitBytes, …
	// Values are in order of the repeats. +Inf is beyond the deadline: later than all
	// that ended.
	Values []float64
}

// The units that metrics have beside those of readings.
const (
	Millis  = "ms"
	Packets = "packets"
)

// The parts of a metric's name that mean something here.
const (
	floorPrefix = "floor/"
	p50Suffix   = "/p50"
)

func (m *Metric) key() string   { return m.Engine + " " + m.Name }
func (m *Metric) control() bool { return strings.HasPrefix(m.Name, floorPrefix) }

// latency says that the metric is the median of one transition.
func (m *Metric) latency() bool { return !m.control() && strings.HasSuffix(m.Name, p50Suffix) }

// Side is one of the two that are compared.
type Side struct {
	Conditions map[string]string // what must be equal: profile, nodes, kernel, …
	Starts     []time.Time       // of the repeats, when they are known
	Metrics    []Metric
}

// Options say what is a change.
type Options struct {
	Alpha      float64            // chance that noise alone gives any verdict of change
	MinEffect  float64            // what a change must amount to: 0.05 is 5 %
	MinRepeats int                // of each side
	Resolution map[string]float64 // by unit: medians closer than that are equal
	Sequential bool               // accept repeats that were not taken in turn
	Resamples  int                // of each interval; verdicts don't depend on it
}

// DefaultOptions convict a change of 5 % and are wrong about equal sides once in a hundred.
func DefaultOptions() Options {
	return Options{
		Alpha: 0.01, MinEffect: 0.05, MinRepeats: 10, Resamples: stats.Resamples,
		// The prober sends a packet each millisecond; a page cache and a collector move
		// memory by some pages.
		Resolution: map[string]float64{Millis: 1, v1.UnitBytes: 64 << 10, Packets: 1},
	}
}

// Change is what became of one metric.
type Change string

// The changes. Same means that none was shown, which is not that there is none: the
// interval of the ratio says how large one could be.
const (
	Same   Change = "same"
	Better Change = "better"
	Worse  Change = "worse"
)

// Conclusion is what a comparison says.
type Conclusion string

// A comparison is void when it can't say anything: unequal conditions, too few repeats, a
// host that changed.
const (
	NoChange    Conclusion = "no change"
	Improvement Conclusion = "improvement"
	Regression  Conclusion = "regression"
	Void        Conclusion = "void"
)

// Verdict is the conclusion as that of a run: an improvement passes.
func (c Conclusion) Verdict() v1.Verdict {
	switch c {
	case NoChange, Improvement:
		return v1.VerdictPass
	case Regression:
		return v1.VerdictFail
	case Void:
	}
	return v1.VerdictVoid
}

// Row is the comparison of one metric.
type Row struct {
	Engine, Name, Unit string
	N                  [2]int // repeats of base and head
	Base, Head         float64
	Ratio              stats.Estimate // head to base
	Delta              float64        // Cliff's: -1 is all below, 1 all above
	P                  float64        // of Mann–Whitney, corrected but for controls
	Change             Change
}

// Result is a comparison.
type Result struct {
	Conclusion Conclusion
	Reasons    []string // of the verdict, one line each
	Rows       []Row    // in the order of base; controls and sums among them
	Options    Options
}

// Compare compares head with base.
func Compare(base, head Side, o Options) Result {
	r := Result{Options: o, Reasons: problems(base, head, o)}
	pairs := matched(base, head)
	for _, p := range pairs {
		r.Rows = append(r.Rows, o.row(p[0], p[1]))
	}
	correct(r.Rows)
	for i := range r.Rows {
		r.Rows[i].Change = o.change(&r.Rows[i])
	}
	r.judge()
	return r
}

// problems are what makes a comparison void before it is begun.
func problems(base, head Side, o Options) []string {
	var out []string
	either := map[string]string{}
	maps.Copy(either, base.Conditions)
	maps.Copy(either, head.Conditions)
	for _, key := range slices.Sorted(maps.Keys(either)) {
		if b, h := base.Conditions[key], head.Conditions[key]; b != h {
			out = append(out, fmt.Sprintf("%s differs: base has %q, head has %q; repeat one of them as the other", key, b, h))
		}
	}
	b, h := index(base.Metrics), index(head.Metrics)
	for _, side := range []struct {
		name    string
		metrics []Metric
		other   map[string]*Metric
	}{{"base", base.Metrics, h}, {"head", head.Metrics, b}} {
		for i := range side.metrics {
			m := &side.metrics[i]
			if side.other[m.key()] == nil {
				out = append(out, fmt.Sprintf("%s: only %s has it", m.key(), side.name))
			}
			if len(m.Values) < o.MinRepeats {
				out = append(out, fmt.Sprintf("%s: %s has %d repeats, give at least %d", m.key(), side.name, len(m.Values), o.MinRepeats))
			}
		}
	}
	if len(base.Metrics) == 0 && len(head.Metrics) == 0 {
		out = append(out, "there is nothing to compare: no metric has a value")
	}
	if !o.Sequential && !interleaved(base.Starts, head.Starts) {
		out = append(out, "repeats were not taken in turn, or don't say when: a host that got slower looks the same as a slower head; interleave them, or accept it with --sequential")
	}
	return out
}

// interleaved reports whether the two sides took turns: at least half as often as the shorter
// one has repeats. Random order does.
func interleaved(base, head []time.Time) bool {
	type start struct {
		at   time.Time
		side int
	}
	var all []start
	for i := range max(len(base), len(head)) {
		if i < len(base) {
			all = append(all, start{base[i], 0})
		}
		if i < len(head) {
			all = append(all, start{head[i], 1})
		}
	}
	slices.SortStableFunc(all, func(a, b start) int { return a.at.Compare(b.at) })
	turns := 0
	for i := 1; i < len(all); i++ {
		if all[i].side != all[i-1].side {
			turns++
		}
	}
	return turns > 0 && 2*turns >= min(len(base), len(head))
}

func index(metrics []Metric) map[string]*Metric {
	out := map[string]*Metric{}
	for i := range metrics {
		out[metrics[i].key()] = &metrics[i]
	}
	return out
}

// matched are the metrics that both sides have, and the sums of their transitions.
func matched(base, head Side) [][2]*Metric {
	var pairs [][2]*Metric
	other := index(head.Metrics)
	for i := range base.Metrics {
		b := &base.Metrics[i]
		if h := other[b.key()]; h != nil && len(b.Values) > 0 && len(h.Values) > 0 {
			pairs = append(pairs, [2]*Metric{b, h})
		}
	}
	return append(pairs, together(pairs)...)
}

func (o Options) row(base, head *Metric) Row {
	thresholds := benchmath.DefaultThresholds
	thresholds.CompareAlpha = o.Alpha
	b := benchmath.NewSample(slices.Clone(base.Values), &thresholds)
	h := benchmath.NewSample(slices.Clone(head.Values), &thresholds)
	return Row{
		Engine: base.Engine, Name: base.Name, Unit: base.Unit,
		N:    [2]int{len(b.Values), len(h.Values)},
		Base: stats.Median(slices.Clone(base.Values)), Head: stats.Median(slices.Clone(head.Values)),
		Ratio: stats.RatioOfMedians(base.Values, head.Values, max(o.Resamples, 40), 1),
		Delta: stats.CliffsDelta(base.Values, head.Values),
		P:     benchmath.AssumeNothing.Compare(b, h).P,
	}
}

func (r *Row) control() bool { return strings.HasPrefix(r.Name, floorPrefix) }

// correct makes the p-values of all metrics together hold what each alone would promise.
// Half of the chance to be wrong goes to the sums over transitions, which are few and speak
// first, the other half to all single metrics (Holm 1979). Controls stand alone: they must
// be as quick to speak as they can.
func correct(rows []Row) {
	var sums, single []*Row
	for i := range rows {
		switch r := &rows[i]; {
		case r.control():
		case r.Name == Together:
			sums = append(sums, r)
		default:
			single = append(single, r)
		}
	}
	families := 1
	if len(sums) > 0 && len(single) > 0 {
		families = 2
	}
	holm(sums, families)
	holm(single, families)
}

func holm(rows []*Row, families int) {
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(a.P, b.P) })
	last := 0.0
	for i, r := range rows {
		last = min(1, max(last, r.P*float64(families*(len(rows)-i))))
		r.P = last
	}
}

// change is what a row shows: a difference that is no accident, worth a verdict, and above
// what the method resolves.
func (o Options) change(r *Row) Change {
	if r.P >= o.Alpha || r.Base == r.Head || math.Abs(r.Head-r.Base) < o.Resolution[r.Unit] {
		return Same
	}
	switch {
	case r.Ratio.Value >= 1+o.MinEffect:
		return Worse
	case r.Ratio.Value <= 1/(1+o.MinEffect):
		return Better
	default:
		return Same
	}
}

// judge draws the verdict from the rows.
func (r *Result) judge() {
	var worse, better []string
	for i := range r.Rows {
		row := &r.Rows[i]
		line := fmt.Sprintf("%s %s: %s", row.Engine, row.Name, row.effect())
		switch {
		case row.Change == Same:
		case row.control():
			r.Reasons = append(r.Reasons, line+": the floor of the method moved, so the host changed; repeat both sides on one host")
		case row.Change == Worse:
			worse = append(worse, line)
		default:
			better = append(better, line)
		}
	}
	switch {
	case len(r.Reasons) > 0:
		r.Conclusion = Void
	case len(worse) > 0:
		r.Conclusion, r.Reasons = Regression, worse
	case len(better) > 0:
		r.Conclusion, r.Reasons = Improvement, better
	default:
		r.Conclusion = NoChange
	}
}

func (r *Row) effect() string {
	return fmt.Sprintf("%s [%s, %s], p %s", percent(r.Ratio.Value), percent(r.Ratio.Lo), percent(r.Ratio.Hi), pValue(r.P))
}
