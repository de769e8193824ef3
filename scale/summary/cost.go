package summary

import (
	"maps"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// cost is a reading of an engine: the largest value of each repeat.
type cost struct {
	name, unit string
	largest    map[int]float64
}

// readings are those of an engine in some phases, in the order of the first of each.
func (d data) readings(engine string, repeats []int, phases ...string) []cost {
	var out []cost
	for _, r := range d.Readings {
		if r.Engine != engine || !slices.Contains(repeats, r.Repeat) || !slices.Contains(phases, r.Phase) {
			continue
		}
		i := slices.IndexFunc(out, func(c cost) bool { return c.name == r.Name })
		if i < 0 {
			i = len(out)
			out = append(out, cost{r.Name, r.Unit, map[int]float64{}})
		}
		if v, ok := out[i].largest[r.Repeat]; !ok || r.Value > v {
			out[i].largest[r.Repeat] = r.Value
		}
	}
	return out
}

// memory are the readings by phase: per repeat the largest of the phase, of these the
// median.
func (d data) memory(engine string, counts map[int]bool) []v1.MemoryRow {
	rows, repeats := []v1.MemoryRow{}, slices.Collect(maps.Keys(counts))
	for _, c := range d.readings(engine, repeats, v1.Phases()...) {
		rows = append(rows, v1.MemoryRow{Name: c.name, Unit: c.unit, Phases: make([]*float64, len(v1.Phases()))})
	}
	for i, phase := range v1.Phases() {
		for _, c := range d.readings(engine, repeats, phase) {
			at := slices.IndexFunc(rows, func(row v1.MemoryRow) bool { return row.Name == c.name })
			rows[at].Phases[i] = finite(stats.Median(slices.Collect(maps.Values(c.largest))))
		}
	}
	for i := range rows {
		row := &rows[i]
		first, last := row.At(v1.PhaseBaseline), row.At(v1.PhaseDeleted)
		if first != nil && last != nil && *first > 0 && row.Name != v1.HWM { // the most that was ever never comes back
			row.Return = finite(*last / *first)
		}
	}
	return rows
}

// slopes are the growth of each reading over the cycles. Repeats that have too few cycles
// give none; several repeats give one each.
func (d data) slopes(engine string, counts map[int]bool) []v1.Slope {
	type series struct {
		name, unit string
		repeat     int
		x, y       []float64
	}
	var all []*series
	for _, r := range d.Readings {
		if r.Engine != engine || r.Phase != v1.PhaseCycle || !counts[r.Repeat] {
			continue
		}
		i := slices.IndexFunc(all, func(s *series) bool { return s.name == r.Name && s.repeat == r.Repeat })
		if i < 0 {
			i = len(all)
			all = append(all, &series{name: r.Name, unit: r.Unit, repeat: r.Repeat})
		}
		all[i].x, all[i].y = append(all[i].x, float64(r.Cycle)), append(all[i].y, r.Value)
	}
	out := []v1.Slope{}
	for _, s := range all {
		fit, err := stats.TheilSen(s.x, s.y)
		if err != nil {
			continue
		}
		fit.Name, fit.Unit = s.name, s.unit
		fit.Slope, fit.Lo, fit.Hi, fit.Level = round(fit.Slope), round(fit.Lo), round(fit.Hi), round(fit.Level)
		out = append(out, fit)
	}
	return out
}

// dimensions are what sizes differ in.
func dimensions() []dimension {
	return []dimension{
		{"node", func(p *v1.Point) float64 { return float64(p.Nodes) }},
		{"pod", func(p *v1.Point) float64 { return float64(p.Pods) }},
		{"policy", func(p *v1.Point) float64 { return float64(p.Policies) }},
		{"CIDR", func(p *v1.Point) float64 { return float64(p.CIDRs) }},
	}
}

type dimension struct {
	name string
	of   func(*v1.Point) float64
}

// named are an engine's points by name, in the order of the first of each.
func (d data) named(engine string) (names []string, of map[string][]*v1.Point) {
	of = map[string][]*v1.Point{}
	for i := range d.Points {
		p := &d.Points[i]
		if p.Engine != engine {
			continue
		}
		if of[p.Name] == nil {
			names = append(names, p.Name)
		}
		of[p.Name] = append(of[p.Name], p)
	}
	return names, of
}

// costs fits each reading over what it can depend on: pods, policies and CIDRs. Dimensions
// that never vary are left out; what can't be told apart is said.
func (d data) costs(engine string) []v1.Cost {
	out := []v1.Cost{}
	names, of := d.named(engine)
	for _, name := range names {
		points := of[name]
		var dims []dimension
		for _, dim := range dimensions()[1:] {
			if slices.ContainsFunc(points, func(p *v1.Point) bool { return dim.of(p) != dim.of(points[0]) }) {
				dims = append(dims, dim)
			}
		}
		if len(dims) == 0 {
			continue
		}
		out = append(out, fit(name, dims, points))
	}
	return out
}

func fit(name string, dims []dimension, points []*v1.Point) v1.Cost {
	terms := make([]string, len(dims))
	for j, dim := range dims {
		terms[j] = dim.name
	}
	var x [][]float64
	var y []float64
	for _, p := range points {
		row := make([]float64, len(dims))
		for j, dim := range dims {
			row[j] = dim.of(p)
		}
		x, y = append(x, row), append(y, p.Value)
	}
	c, err := stats.Linear(terms, x, y)
	c.Name, c.Unit, c.N = name, points[0].Unit, len(points)
	if err != nil {
		c.Why = err.Error()
		return c
	}
	c.R2 = round(c.R2)
	for i := range c.Terms {
		t := &c.Terms[i]
		t.Value, t.Lo, t.Hi = round(t.Value), round(t.Lo), round(t.Hi)
	}
	return c
}

// growth fits an exponent for each dimension over the points that differ in it alone, or,
// when everything grew together, over all: then every dimension has the same.
func (d data) growth(engine string) []v1.Growth {
	out := []v1.Growth{}
	names, of := d.named(engine)
	for _, name := range names {
		for _, dim := range dimensions() {
			sizes, costs := along(dim, of[name])
			g, err := stats.Exponent(sizes, costs)
			if err != nil {
				continue
			}
			g.Name, g.In = name, dim.name
			g.Exponent, g.Lo, g.Hi, g.R2 = round(g.Exponent), round(g.Lo), round(g.Hi), round(g.R2)
			out = append(out, g)
		}
	}
	return out
}

// along are the points of the largest group that agrees in all other dimensions; without
// such a group, all points.
func along(dim dimension, points []*v1.Point) (sizes, costs []float64) {
	group := map[[4]float64][]*v1.Point{}
	var best []*v1.Point
	for _, p := range points {
		var key [4]float64
		for i, other := range dimensions() {
			if other.name != dim.name {
				key[i] = other.of(p)
			}
		}
		group[key] = append(group[key], p)
		if len(group[key]) > len(best) {
			best = group[key]
		}
	}
	if len(best) < stats.MinSizes {
		best = points
	}
	for _, p := range best {
		sizes, costs = append(sizes, dim.of(p)), append(costs, p.Value)
	}
	return sizes, costs
}
