package trend

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/trend/changepoint"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Trend is a history, put together.
type Trend struct {
	Nights  []Night
	Courses []Course // in the order of metrics.Nightly, then of their labels
	Changes []Change // the latest first, and of one night the largest
}

// Night is one column of the trend.
type Night struct {
	ID      string
	Started time.Time
	Tool    string
	Verdict v1.Verdict
	Runs    []v1.NightRun
	// New is what this night ran with and the one before did not, one line each: versions, the
	// kernel, the machine, loads.
	New []string
}

// Course is one figure over the nights.
type Course struct {
	Metric     string
	Experiment string
	Engine     string
	Labels     []Label // the others, in the order of their definition
	Better     metrics.Better
	Values     []*float64 // by night, nil where there is none
	// From is the first night of the load that the last value is of: what follows counts.
	From   int
	N      int     // values from there on
	Median float64 // of these; with the quartiles
	Low    float64
	High   float64
	// Changes are those of level, Change.At the index of a night.
	Changes []changepoint.Change
}

// Label is a label of a figure.
type Label struct{ Name, Value string }

// Direction says what a change means.
type Direction string

// The directions. A figure that should go nowhere has only Other changes.
const (
	Worse  Direction = "worse"
	Better Direction = "better"
	Other  Direction = "other"
)

// Change is a change of level, and what came with it.
type Change struct {
	changepoint.Change
	Course    *Course
	Night     *Night
	Direction Direction
	// Since is what was new since the figure's last night before.
	Since []string
}

// Of puts nights together, which are in order of time.
func Of(nights []v1.Night, o changepoint.Options) (*Trend, error) {
	t := &Trend{Nights: heads(nights)}
	loads := loadsOf(nights)
	for _, c := range coursesOf(nights) {
		if err := c.analyse(loads[run{c.Experiment, c.Engine}], o); err != nil {
			return nil, err
		}
		t.Courses = append(t.Courses, *c)
	}
	for i := range t.Courses {
		c := &t.Courses[i]
		for _, change := range c.Changes {
			t.Changes = append(t.Changes, t.change(c, change))
		}
	}
	slices.SortStableFunc(t.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(rank(a.Direction), rank(b.Direction)), cmp.Compare(math.Abs(b.Effect), math.Abs(a.Effect)))
	})
	return t, nil
}

func rank(d Direction) int { return slices.Index([]Direction{Worse, Better, Other}, d) }

// change says what a change of a course means and what came with it.
func (t *Trend) change(c *Course, p changepoint.Change) Change {
	out := Change{Change: p, Course: c, Night: &t.Nights[p.At], Direction: directionOf(c.Better, p.Effect)}
	before := p.At - 1
	for before > 0 && c.Values[before] == nil {
		before--
	}
	for i := before + 1; i <= p.At; i++ {
		out.Since = append(out.Since, t.Nights[i].New...)
	}
	return out
}

func directionOf(better metrics.Better, effect float64) Direction {
	switch {
	case better == metrics.Neither:
		return Other
	case (effect > 0) == (better == metrics.Lower):
		return Worse
	}
	return Better
}

// run is one experiment with one engine.
type run struct{ experiment, engine string }

// loadsOf are the loads of each run by night, "" where it did not run.
func loadsOf(nights []v1.Night) map[run][]string {
	out := map[run][]string{}
	for i := range nights {
		for _, r := range nights[i].Runs {
			key := run{r.Experiment, r.Engine}
			if out[key] == nil {
				out[key] = make([]string, len(nights))
			}
			out[key][i] = r.Load
		}
	}
	return out
}

// coursesOf are the figures that any night has, in the order of a report.
func coursesOf(nights []v1.Night) []*Course {
	all := map[string]*Course{}
	for i := range nights {
		for j := range nights[i].Metrics {
			m := &nights[i].Metrics[j]
			key := m.Series()
			if all[key] == nil {
				all[key] = newCourse(m, len(nights))
			}
			if value := m.Value; !math.IsNaN(value) && !math.IsInf(value, 0) {
				all[key].Values[i] = &value
			}
		}
	}
	order := map[string]int{}
	for i, d := range metrics.Nightly() {
		order[d.Name] = i - len(metrics.Nightly()) // before those that this version doesn't know
	}
	keys := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		x, y := all[a], all[b]
		return cmp.Or(cmp.Compare(x.Experiment, y.Experiment), cmp.Compare(x.Engine, y.Engine), cmp.Compare(order[x.Metric], order[y.Metric]), cmp.Compare(a, b))
	})
	out := make([]*Course, len(keys))
	for i, key := range keys {
		out[i] = all[key]
	}
	return out
}

func newCourse(m *v1.Metric, nights int) *Course {
	d := metrics.Lookup(m.Name)
	c := &Course{
		Metric: m.Name, Better: d.Better, Values: make([]*float64, nights),
		Experiment: m.Labels[metrics.LabelExperiment], Engine: m.Labels[metrics.LabelEngine],
	}
	for _, name := range append(d.Labels, slices.Sorted(maps.Keys(m.Labels))...) {
		known := slices.ContainsFunc(c.Labels, func(l Label) bool { return l.Name == name })
		if value, ok := m.Labels[name]; ok && !known && name != metrics.LabelExperiment && name != metrics.LabelEngine {
			c.Labels = append(c.Labels, Label{name, value})
		}
	}
	return c
}

// analyse finds the changes of a course within each load, and describes what is there of the last.
func (c *Course) analyse(loads []string, o changepoint.Options) error {
	var nights []int // that have a value, of one load
	end := func() error {
		values := make([]float64, len(nights))
		for i, n := range nights {
			values[i] = *c.Values[n]
		}
		changes, err := changepoint.Detect(values, o)
		for _, change := range changes {
			change.At = nights[change.At]
			c.Changes = append(c.Changes, change)
		}
		if len(values) > 0 {
			slices.Sort(values)
			c.From, c.N = nights[0], len(values)
			c.Low, c.Median, c.High = quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)
		}
		return err
	}
	load := ""
	for i, v := range c.Values {
		if v == nil {
			continue
		}
		if loads != nil && loads[i] != load {
			if err := end(); err != nil {
				return err
			}
			nights, load = nil, loads[i]
		}
		nights = append(nights, i)
	}
	return end()
}

// quantile of values in order, between two of them where it falls there.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Quartiles are those of the nights [from, to); ok is false when none has a value.
func (c *Course) Quartiles(from, to int) (low, high float64, ok bool) {
	var values []float64
	for _, v := range c.Values[from:to] {
		if v != nil {
			values = append(values, *v)
		}
	}
	if len(values) == 0 {
		return 0, 0, false
	}
	slices.Sort(values)
	return quantile(values, 0.25), quantile(values, 0.75), true
}

// Name is the course's figure in words: its metric without what all have, and its labels' values.
func (c *Course) Name() string {
	words := []string{strings.TrimPrefix(strings.TrimPrefix(c.Metric, "netassay_nightly_"), "netassay_")}
	for _, l := range c.Labels {
		words = append(words, l.Value)
	}
	return strings.Join(words, " ")
}

// Last is the value of the last night that has one; nil when none has.
func (c *Course) Last() *float64 {
	for i := len(c.Values) - 1; i >= 0; i-- {
		if c.Values[i] != nil {
			return c.Values[i]
		}
	}
	return nil
}

// Changed reports whether the level changed at a night.
func (c *Course) Changed(night int) bool {
	return slices.ContainsFunc(c.Changes, func(x changepoint.Change) bool { return x.At == night })
}
