package v1

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Night is what one night of a history holds: its conditions, one run per experiment of its set,
// and the figures of these.
type Night struct {
	NightConditions
	Runs    []NightRun `json:"runs"`
	Metrics []Metric   `json:"metrics"`
}

// NightConditions are what a night is made under.
type NightConditions struct {
	Schema   string    `json:"schema"`
	ID       string    `json:"id"`   // that of its file, which begins with the date
	Tool     string    `json:"tool"` // version of netassay
	Kernel   string    `json:"kernel"`
	CPUs     int       `json:"cpus"`
	Memory   int64     `json:"memory_bytes"`
	Set      []string  `json:"set"` // experiments that were to run
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
}

// NightRun is what became of one experiment of a night for one engine.
type NightRun struct {
	Experiment string `json:"experiment"` // of the set
	Engine     string `json:"engine"`
	// EngineVersion is empty when the engine is of the same version as the tool.
	EngineVersion string `json:"engine_version,omitempty"`
	Kubernetes    string `json:"kubernetes,omitempty"`
	// Load is what must be equal for figures of two nights to be comparable, such as the profile
	// of a scale run.
	Load    string   `json:"load,omitempty"`
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	// Trouble is why the experiment did not come to its end; it says nothing about the engine.
	Trouble string  `json:"trouble,omitempty"`
	Seconds float64 `json:"seconds"`
	Results string  `json:"results,omitempty"` // its result directory, where it was made
}

// Metric is one figure of a night. Its name ends in its unit, which is a base unit, as Prometheus
// wants it; a figure that there was no sample for is not there.
type Metric struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
	N      int               `json:"n,omitempty"` // samples behind it, where that is known
}

// Series is the metric's name and labels as Prometheus writes them: what is the same figure from
// night to night.
func (m *Metric) Series() string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, name+"="+strconv.Quote(m.Labels[name]))
	}
	return m.Name + "{" + strings.Join(labels, ",") + "}"
}

// Add takes conditions, runs, figures and the verdict, which follows from the runs.
func (n *Night) Add(record Record) error {
	switch v := record.(type) {
	case *NightConditions:
		n.NightConditions = *v
	case *NightRun:
		n.Runs = append(n.Runs, *v)
	case *Metric:
		n.Metrics = append(n.Metrics, *v)
	case *Conclusion:
	default:
		return misplaced(record, KindNight)
	}
	return nil
}

// Records are the night's, figures in the order of their series.
func (n *Night) Records() []Record {
	out := []Record{&n.NightConditions}
	for i := range n.Runs {
		out = append(out, &n.Runs[i])
	}
	sorted := slices.Clone(n.Metrics)
	slices.SortStableFunc(sorted, func(a, b Metric) int { return cmp.Compare(a.Series(), b.Series()) })
	for i := range sorted {
		out = append(out, &sorted[i])
	}
	return append(out, &Conclusion{Verdict: n.Verdict()})
}

// Verdict is fail when one run failed, void when one said nothing or there was none, else pass.
func (n *Night) Verdict() Verdict {
	verdict := VerdictPass
	for i := range n.Runs {
		switch n.Runs[i].Verdict {
		case VerdictFail:
			return VerdictFail
		case VerdictPass:
		default:
			verdict = VerdictVoid
		}
	}
	if len(n.Runs) == 0 {
		return VerdictVoid
	}
	return verdict
}
