package summary

import (
	"fmt"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// data is what all figures are computed from.
type data struct{ *v1.ScaleData }

// Of computes everything from the raw data.
func Of(raw *v1.ScaleData) v1.ScaleSummary {
	d := data{raw}
	s := v1.ScaleSummary{Schema: v1.ScaleSchema, Reasons: []string{}}
	failed := false
	for i := range d.Run.Engines {
		e := &d.Run.Engines[i]
		sum := d.engine(e)
		bad, unknown := breaches(e.Limits, &sum)
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
func (d data) engine(e *v1.Engine) v1.EngineSummary {
	sum := v1.EngineSummary{Engine: e.Name, Version: e.Version, Lacks: e.Lacks, Void: []string{}, Transitions: []v1.Transition{}, Memory: []v1.MemoryRow{}, Slopes: []v1.Slope{}}
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
		if name == v1.Floor {
			sum.Floor = &t
			continue
		}
		sum.LeakPackets += t.LeakPackets
		sum.LostPackets += t.LostPackets
		if _, _, ok := v1.ParseEdit(name); !ok {
			sum.Transitions = append(sum.Transitions, t)
		}
	}
	sum.Edits = d.edits(e.Name, counts)
	sum.Memory, sum.Slopes = d.memory(e.Name, counts), d.slopes(e.Name, counts)
	sum.Costs, sum.Growth = d.costs(e.Name), d.growth(e.Name)
	return sum
}

// transitions are those that an engine has samples of: the table's first.
func (d data) transitions(engine string) []string {
	known := []string{v1.Floor, v1.PolicyCreate, v1.IPBlockEdit, v1.Revoke, v1.LabelChange, v1.PodCreate, v1.PolicyDelete}
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

func (d data) transition(engine, name string, counts map[int]bool) v1.Transition {
	t := v1.Transition{Transition: name}
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
	due, call, ack float64
	stable         float64 // +Inf when censored
	seen, commit   *float64
	void           bool
}

func (c *change) since(t float64) stats.Sample {
	return stats.Sample{Value: c.stable - t, Censored: math.IsInf(c.stable, 1)}
}

// changes are those of an engine and a transition, in the order of their first samples.
func (d data) changes(engine, transition string, counts map[int]bool) []*change {
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
			c = &change{due: s.Due, call: s.Call, ack: s.Ack, stable: math.Inf(-1), seen: s.Seen, commit: s.Commit}
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
func figure(e stats.Estimate, over float64) v1.Figure {
	f := v1.Figure{Value: finite(e.Value), Lo: finite(e.Lo), Hi: finite(e.Hi), Open: e.Open}
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
