package summary

import (
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
	"github.com/netassay/netassay/scale/stats"
)

// Side is the run as one side of a comparison: a value per engine, metric and repeat that
// counts. Of each transition the median and the 90th percentile; of one repeat, a 99th is
// its worst sample or two, and no figure to judge by.
func Side(raw *v1.ScaleData) compare.Side {
	d := data{raw}
	s := compare.Side{Conditions: d.Run.Conditions()}
	for _, t := range d.Run.Turns {
		if len(t.Void) == 0 {
			s.Starts = append(s.Starts, t.Started)
		}
	}
	for _, e := range d.Run.Engines {
		repeats := repeats(&d.Run, e.Name)
		for _, name := range d.transitions(e.Name) {
			s.Metrics = append(s.Metrics, d.latencies(e.Name, name, repeats)...)
		}
		s.Metrics = append(s.Metrics, d.weights(e.Name, repeats)...)
	}
	return s
}

// latencies are the metrics of one transition. A repeat without a sample has no value, and
// the comparison then has fewer repeats.
func (d data) latencies(engine, transition string, repeats []int) []compare.Metric {
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
	if transition == v1.Floor {
		return []compare.Metric{p50}
	}
	return []compare.Metric{p50, p90, leaked}
}

// weights are the readings: of each, the largest of a repeat's phases.
func (d data) weights(engine string, repeats []int) []compare.Metric {
	var out []compare.Metric
	for _, c := range d.readings(engine, repeats, v1.ComparedPhases()...) {
		m := compare.Metric{Engine: engine, Name: "cost/" + c.name, Unit: c.unit}
		for _, repeat := range repeats {
			if v, ok := c.largest[repeat]; ok {
				m.Values = append(m.Values, v)
			}
		}
		out = append(out, m)
	}
	return out
}

// repeats are the numbers of the turns of an engine that count, in order of time.
func repeats(r *v1.ScaleRun, engine string) []int {
	var out []int
	for _, t := range r.Turns {
		if t.Engine == engine && len(t.Void) == 0 {
			out = append(out, t.Repeat)
		}
	}
	return out
}
