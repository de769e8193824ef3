package scale

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/netassay/netassay/scale/compare"
	"github.com/netassay/netassay/scale/stats"
)

// Side is the run as one side of a comparison: a value per engine, metric and repeat that
// counts. Of each transition the median and the 90th percentile; of one repeat, a 99th is
// its worst sample or two, and no figure to judge by.
func Side(name string, d *Data) compare.Side {
	s := compare.Side{Name: name, Conditions: d.Run.conditions()}
	for _, t := range d.Run.Turns {
		if len(t.Void) == 0 {
			s.Starts = append(s.Starts, t.Started)
		}
	}
	for _, e := range d.Run.Engines {
		repeats := d.Run.repeats(e.Name)
		for _, name := range d.transitions(e.Name) {
			s.Metrics = append(s.Metrics, d.latencies(e.Name, name, repeats)...)
		}
		s.Metrics = append(s.Metrics, d.weights(e.Name, repeats)...)
	}
	return s
}

// conditions are what must be equal for two runs to be comparable. Versions of engines may
// differ: that is what is compared.
func (r *Run) conditions() map[string]string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return map[string]string{
		"profile": r.Profile, "churn": r.Churn, "cluster": r.Cluster, "kubernetes": r.Kubernetes, "kernel": r.Kernel,
		"cpus": strconv.Itoa(r.CPUs), "period-ms": number(r.Timing.Period), "hold-ms": number(r.Timing.Hold), "deadline-ms": number(r.Timing.Deadline),
	}
}

// repeats are the numbers of the turns of an engine that count, in order of time.
func (r *Run) repeats(engine string) []int {
	var out []int
	for _, t := range r.Turns {
		if t.Engine == engine && len(t.Void) == 0 {
			out = append(out, t.Repeat)
		}
	}
	return out
}

// latencies are the metrics of one transition. A repeat without a sample has no value, and
// the comparison then has fewer repeats.
func (d *Data) latencies(engine, transition string, repeats []int) []compare.Metric {
	p50 := compare.Metric{Engine: engine, Name: transition + "/p50", Unit: compare.Millis}
	p90 := compare.Metric{Engine: engine, Name: transition + "/p90", Unit: compare.Millis}
	leaked := compare.Metric{Engine: engine, Name: transition + "/leak", Unit: compare.Packets}
	packets := map[int]float64{}
	for i := range d.Samples {
		if s := &d.Samples[i]; s.Engine == engine && s.Transition == transition {
			packets[s.Repeat] += float64(s.Leaked)
		}
	}
	for _, repeat := range repeats {
		var samples []stats.Sample
		for _, c := range d.changes(engine, transition, map[int]bool{repeat: true}) {
			if !c.void {
				samples = append(samples, c.since(c.ack))
			}
		}
		if len(samples) == 0 {
			continue
		}
		sorted := stats.Ordered(samples)
		p50.Values = append(p50.Values, stats.At(sorted, 0.5))
		p90.Values = append(p90.Values, stats.At(sorted, 0.9))
		leaked.Values = append(leaked.Values, packets[repeat])
	}
	if transition == Floor {
		return []compare.Metric{p50}
	}
	return []compare.Metric{p50, p90, leaked}
}

// weights are the readings: of each, the largest of a repeat's phases.
func (d *Data) weights(engine string, repeats []int) []compare.Metric {
	var out []compare.Metric
	at := map[string]map[int]float64{}
	for _, r := range d.Readings {
		if r.Engine != engine || !slices.Contains(repeats, r.Repeat) || !slices.Contains(Phases(), r.Phase) {
			continue
		}
		if at[r.Name] == nil {
			at[r.Name] = map[int]float64{}
			unit := r.Unit
			if unit == UnitB {
				unit = compare.Bytes
			}
			out = append(out, compare.Metric{Engine: engine, Name: "cost/" + r.Name, Unit: unit})
		}
		if v, ok := at[r.Name][r.Repeat]; !ok || r.Value > v {
			at[r.Name][r.Repeat] = r.Value
		}
	}
	for i := range out {
		values := at[out[i].Name[len("cost/"):]]
		for _, repeat := range repeats {
			if v, ok := values[repeat]; ok {
				out[i].Values = append(out[i].Values, v)
			}
		}
	}
	return out
}

// Join puts results of one kind together: each becomes more repeats of the first. Their
// conditions must be equal, but for the time.
func Join(all []*Data) (*Data, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("no results to join")
	}
	slices.SortStableFunc(all, func(a, b *Data) int { return a.Run.Started.Compare(b.Run.Started) })
	out := &Data{Run: all[0].Run}
	out.Run.Turns, out.Run.Notes = nil, nil
	want := out.Run.conditions()
	next := 0
	for _, d := range all {
		for key, value := range d.Run.conditions() {
			if value != want[key] {
				return nil, fmt.Errorf("%s is %q in run %s and %q in run %s: one side holds runs of one kind", key, want[key], all[0].Run.ID, value, d.Run.ID)
			}
		}
		if !slices.EqualFunc(d.Run.Engines, out.Run.Engines, func(a, b Engine) bool { return a.Name == b.Name && a.Version == b.Version }) {
			return nil, fmt.Errorf("run %s has other engines than run %s: one side holds runs of one kind", d.Run.ID, all[0].Run.ID)
		}
		next = out.join(d, next)
	}
	return out, nil
}

// join adds a result, its repeats numbered from first on; it gives the next free number.
func (d *Data) join(more *Data, first int) int {
	next := first
	renumber := func(repeat int) int {
		next = max(next, first+repeat+1)
		return first + repeat
	}
	for _, t := range more.Run.Turns {
		t.Repeat = renumber(t.Repeat)
		d.Run.Turns = append(d.Run.Turns, t)
	}
	for _, s := range more.Samples {
		s.Repeat = renumber(s.Repeat)
		d.Samples = append(d.Samples, s)
	}
	for _, r := range more.Readings {
		r.Repeat = renumber(r.Repeat)
		d.Readings = append(d.Readings, r)
	}
	d.Points = append(d.Points, more.Points...)
	d.Run.Notes = append(d.Run.Notes, more.Run.Notes...)
	if more.Run.Finished.After(d.Run.Finished) {
		d.Run.Finished = more.Run.Finished
	}
	return next
}

// Check says what is wrong with data that was read, naming file and field.
func (d *Data) Check() error {
	if d.Run.Schema != Schema {
		return fmt.Errorf("run.json: schema is %q, this program reads %q", d.Run.Schema, Schema)
	}
	engines := map[string]bool{}
	for _, e := range d.Run.Engines {
		engines[e.Name] = true
	}
	type turn struct {
		engine string
		repeat int
	}
	turns := map[turn]bool{}
	for _, t := range d.Run.Turns {
		if turns[turn{t.Engine, t.Repeat}] || !engines[t.Engine] {
			return fmt.Errorf("run.json: turn %d of engine %q is there twice, or its engine is not listed", t.Repeat, t.Engine)
		}
		turns[turn{t.Engine, t.Repeat}] = true
	}
	for i := range d.Samples {
		s := &d.Samples[i]
		if !turns[turn{s.Engine, s.Repeat}] {
			return fmt.Errorf("samples.jsonl:%d: repeat %d of engine %q is no turn of run.json", i+1, s.Repeat, s.Engine)
		}
		if s.Transition == "" {
			return fmt.Errorf("samples.jsonl:%d: transition is missing", i+1)
		}
	}
	for i, r := range d.Readings {
		if !turns[turn{r.Engine, r.Repeat}] {
			return fmt.Errorf("readings.jsonl:%d: repeat %d of engine %q is no turn of run.json", i+1, r.Repeat, r.Engine)
		}
	}
	return nil
}
