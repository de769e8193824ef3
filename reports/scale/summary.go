package scale

import (
	"fmt"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// Summary is summary.json: all figures. A figure without a sample is null, never 0.
type Summary struct {
	Schema  string          `json:"schema"`
	Verdict v1.Verdict      `json:"verdict"`
	Reasons []string        `json:"reasons"`
	Engines []EngineSummary `json:"engines"`
}

// EngineSummary are the figures of one engine.
type EngineSummary struct {
	Engine      string       `json:"engine"`
	Version     string       `json:"version"`
	Repeats     int          `json:"repeats"` // that count
	Void        []string     `json:"void"`    // one line for each that doesn't
	Lacks       []Lack       `json:"lacks,omitempty"`
	Floor       *Transition  `json:"floor"`
	Transitions []Transition `json:"transitions"`
	LeakPackets uint64       `json:"leak_packets"`
	LostPackets uint64       `json:"lost_packets"`
	Memory      []MemoryRow  `json:"memory"`
	Slopes      []Slope      `json:"slopes"`
	Costs       []Cost       `json:"costs"`
	Growth      []Growth     `json:"growth"`
}

// Transition are the figures of one transition: of changes, each as slow as its slowest
// pair. Figures count from the ack of the change and may be below 0.
type Transition struct {
	Transition string `json:"transition"`
	N          int    `json:"n"` // changes
	Pairs      int    `json:"pairs"`
	Censored   int    `json:"censored"`
	Void       int    `json:"void"`
	P50        Figure `json:"p50"`
	P90        Figure `json:"p90"`
	P99        Figure `json:"p99"`
	Max        Figure `json:"max"`
	// DueP99 counts from the time at which the change was to be made, call and answer of
	// the API server included; CallP99 from the call.
	DueP99  Figure `json:"due_p99"`
	CallP99 Figure `json:"call_p99"`
	// SeenP50 and CommitP50 are medians, from the ack, of when the engine says that it
	// heard of changes and was done with them; null when it doesn't tell.
	SeenP50   *float64 `json:"seen_p50_ms"`
	CommitP50 *float64 `json:"commit_p50_ms"`

	LeakPackets uint64  `json:"leak_packets"`
	LostPackets uint64  `json:"lost_packets"`
	LeakSeconds float64 `json:"leak_s"` // wrong-verdict-seconds, summed over pairs
	OutSeconds  float64 `json:"outage_s"`
}

// Figure is a quantile in milliseconds with its 95 % interval.
type Figure struct {
	Value *float64 `json:"ms"` // null: beyond Over
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`             // null: beyond Over
	Open  bool     `json:"open,omitempty"` // too few samples for an upper bound
	Over  *float64 `json:"over_ms,omitempty"`
}

// MemoryRow is one reading over the phases: medians of the repeats.
type MemoryRow struct {
	Name   string     `json:"name"`
	Unit   string     `json:"unit"`
	Phases []*float64 `json:"phases"` // as Phases orders them
	Return *float64   `json:"return"` // deleted to baseline
}

// Slope is the growth of a reading from cycle to cycle.
type Slope struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Slope   float64 `json:"per_cycle"`
	Lo      float64 `json:"lo"`
	Hi      float64 `json:"hi"`
	Level   float64 `json:"level"` // median over the cycles
	Cycles  int     `json:"cycles"`
	Differs bool    `json:"differs"` // from 0
}

// Summarize computes everything from the raw data.
func Summarize(d *Data) Summary {
	s := Summary{Schema: Schema, Reasons: []string{}}
	failed := false
	for i := range d.Run.Engines {
		e := &d.Run.Engines[i]
		sum := d.engine(e)
		bad, unknown := e.Limits.breaches(&sum)
		for _, line := range bad {
			s.Reasons = append(s.Reasons, e.Name+": "+line)
		}
		for _, line := range append(slices.Clone(sum.Void), unknown...) {
			s.Reasons = append(s.Reasons, e.Name+": void: "+line)
		}
		failed = failed || len(bad) > 0
		s.Engines = append(s.Engines, sum)
	}
	switch {
	case failed:
		s.Verdict = v1.VerdictFail
	case len(s.Reasons) > 0 || len(s.Engines) == 0:
		s.Verdict = v1.VerdictVoid
	default:
		s.Verdict = v1.VerdictPass
	}
	return s
}

// engine are the figures of one engine: void turns count in no figure.
func (d *Data) engine(e *Engine) EngineSummary {
	sum := EngineSummary{Engine: e.Name, Version: e.Version, Lacks: e.Lacks, Void: []string{}, Transitions: []Transition{}, Memory: []MemoryRow{}, Slopes: []Slope{}}
	counts := map[int]bool{}
	for _, t := range d.Run.Turns {
		if t.Engine != e.Name {
			continue
		}
		for _, reason := range t.Void {
			sum.Void = append(sum.Void, fmt.Sprintf("repeat %d: %s", t.Repeat, reason))
		}
		if len(t.Void) == 0 {
			counts[t.Repeat] = true
		}
	}
	sum.Repeats = len(counts)
	if sum.Repeats == 0 && len(sum.Void) == 0 {
		sum.Void = append(sum.Void, "no repeat was finished")
	}
	for _, name := range d.transitions(e.Name) {
		t := d.transition(e.Name, name, counts)
		if name == Floor {
			sum.Floor = &t
			continue
		}
		sum.Transitions = append(sum.Transitions, t)
		sum.LeakPackets += t.LeakPackets
		sum.LostPackets += t.LostPackets
	}
	sum.Memory, sum.Slopes = d.memory(e.Name, counts), d.slopes(e.Name, counts)
	sum.Costs, sum.Growth = d.costs(e.Name), d.growth(e.Name)
	return sum
}

// transitions are those that an engine has samples of: the table's first.
func (d *Data) transitions(engine string) []string {
	known := []string{Floor, PolicyCreate, IPBlockEdit, Revoke, LabelChange, PodCreate, PolicyDelete}
	var others []string
	there := map[string]bool{}
	for i := range d.Samples {
		s := &d.Samples[i]
		if s.Engine == engine && !there[s.Transition] {
			there[s.Transition] = true
			if !slices.Contains(known, s.Transition) {
				others = append(others, s.Transition)
			}
		}
	}
	slices.Sort(others)
	return append(slices.DeleteFunc(known, func(k string) bool { return !there[k] }), others...)
}

func (d *Data) transition(engine, name string, counts map[int]bool) Transition {
	t := Transition{Transition: name}
	for i := range d.Samples {
		s := &d.Samples[i]
		if s.Engine != engine || s.Transition != name || !counts[s.Repeat] {
			continue
		}
		t.Pairs++
		// Packets leaked are leaked, also when the sample's time doesn't count.
		t.LeakPackets, t.LostPackets = t.LeakPackets+s.Leaked, t.LostPackets+s.Lost
		t.LeakSeconds, t.OutSeconds = t.LeakSeconds+s.Leak/1000, t.OutSeconds+s.Outage/1000
	}
	changes := d.changes(engine, name, counts)
	var ack, call, due, seen, commit []stats.Sample
	for _, c := range changes {
		if c.void {
			t.Void++
			continue
		}
		ack = append(ack, c.since(c.ack))
		call = append(call, c.since(c.call))
		due = append(due, c.since(c.due))
		if c.seen != nil && c.commit != nil {
			seen = append(seen, stats.Sample{Value: *c.seen - c.ack})
			commit = append(commit, stats.Sample{Value: *c.commit - c.ack})
		}
	}
	t.SeenP50, t.CommitP50 = median(seen), median(commit)
	t.LeakSeconds, t.OutSeconds = round(t.LeakSeconds), round(t.OutSeconds)
	over := d.Run.Timing.Deadline
	if dist, ok := stats.Distribute(ack); ok {
		t.N, t.Censored = dist.N, dist.Censored
		t.P50, t.P90, t.P99, t.Max = figure(dist.P50, over), figure(dist.P90, over), figure(dist.P99, over), figure(dist.Max, over)
		fromCall, _ := stats.Distribute(call)
		fromDue, _ := stats.Distribute(due)
		t.CallP99, t.DueP99 = figure(fromCall.P99, over), figure(fromDue.P99, over)
	}
	return t
}

func median(samples []stats.Sample) *float64 {
	if len(samples) == 0 {
		return nil
	}
	return finite(stats.At(stats.Ordered(samples), 0.5))
}

// change is one change: as slow as its slowest pair, void when one of its pairs is.
type change struct {
	repeat         int
	due, call, ack float64
	stable         float64 // +Inf when censored
	seen, commit   *float64
	void           bool
}

func (c *change) since(t float64) stats.Sample {
	return stats.Sample{Value: c.stable - t, Censored: math.IsInf(c.stable, 1)}
}

// changes are those of an engine and a transition, in the order of their first samples.
func (d *Data) changes(engine, transition string, counts map[int]bool) []*change {
	var out []*change
	at := map[[2]int]*change{}
	for i := range d.Samples {
		s := &d.Samples[i]
		if s.Engine != engine || s.Transition != transition || !counts[s.Repeat] {
			continue
		}
		key := [2]int{s.Repeat, s.Change}
		c := at[key]
		if c == nil {
			c = &change{repeat: s.Repeat, due: s.Due, call: s.Call, ack: s.Ack, stable: math.Inf(-1), seen: s.Seen, commit: s.Commit}
			at[key] = c
			out = append(out, c)
		}
		c.void = c.void || s.Void != ""
		stable := math.Inf(1)
		if s.Stable != nil {
			stable = *s.Stable
		}
		c.stable = max(c.stable, stable)
	}
	return out
}

// figure rounds to the microsecond: more is noise, and not the same on every machine.
func figure(e stats.Estimate, over float64) Figure {
	f := Figure{Value: finite(e.Value), Lo: finite(e.Lo), Hi: finite(e.Hi), Open: e.Open}
	if f.Value == nil || f.Lo == nil || f.Hi == nil {
		f.Over = &over
	}
	return f
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	v = round(v)
	return &v
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }
