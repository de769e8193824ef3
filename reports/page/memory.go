package page

import (
	"fmt"
	"maps"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// layer is a part of an engine's memory; parts of the list don't overlap.
type layer struct{ reading, name string }

// layers are what is stacked: the process first, then what the kernel keeps for it.
func layers() []layer {
	return []layer{{v1.RSS, "process: resident"}, {"cgroup-kernel", "kernel: charged to the cgroup"}, {"ipset", "kernel: ipsets"}}
}

// memory is a chart of bars for each engine, phases from left to right.
func memory(d *v1.ScaleData) []Block {
	phases := slices.DeleteFunc(v1.Phases(), func(p string) bool {
		return !slices.ContainsFunc(d.Readings, func(r v1.Reading) bool { return r.Phase == p && r.Unit == v1.UnitBytes })
	})
	var charts []Chart
	var most float64
	for k, e := range d.Run.Engines {
		c := Chart{
			ID: fmt.Sprintf("memory-%d", k), Title: e.Name, Stack: true,
			X: Axis{Label: "phase", Names: phases}, Y: Axis{Label: "memory", Unit: v1.UnitBytes, Zero: true},
			Behind: readingsTable(d, e.Name, phases), Says: "Memory of " + e.Name + " by phase; the table has the values.",
		}
		sums := make([]float64, len(phases))
		for _, l := range layers() {
			s := Series{Name: l.name, Shape: Bars}
			for i, p := range phases {
				v := reading(d, e.Name, p, l.reading)
				s.X, s.Y = append(s.X, float64(i)), append(s.Y, v)
				if v != nil {
					sums[i] += *v
				}
			}
			if slices.ContainsFunc(s.Y, func(v *float64) bool { return v != nil }) {
				c.Series = append(c.Series, s)
			}
		}
		most = max(most, slices.Max(append(sums, 0)))
		if len(c.Series) > 0 {
			charts = append(charts, c)
		}
	}
	if len(charts) == 0 {
		return nil
	}
	var all Group
	for _, c := range charts {
		c.Y.Most = most // so that engines compare
		all = append(all, c)
	}
	return []Block{all}
}

// reading is the median over repeats of the largest value of a phase.
func reading(d *v1.ScaleData, engine, phase, name string) *float64 {
	largest := map[int]float64{}
	for _, r := range d.Readings {
		if r.Engine == engine && r.Phase == phase && r.Name == name && !void(&d.Run, engine, r.Repeat) {
			largest[r.Repeat] = max(largest[r.Repeat], r.Value)
		}
	}
	return v1.Quantile(slices.Collect(maps.Values(largest)), 0.5)
}

// readingsTable has all readings of an engine, a column for each phase.
func readingsTable(d *v1.ScaleData, engine string, phases []string) Table {
	t := Table{Caption: "Readings of " + engine, Fold: true, Head: Columns("Reading")}
	for _, p := range phases {
		t.Head = append(t.Head, Column{p, true})
	}
	var names []v1.Reading
	for _, r := range d.Readings {
		if r.Engine == engine && slices.Contains(phases, r.Phase) && !slices.ContainsFunc(names, func(o v1.Reading) bool { return o.Name == r.Name }) {
			names = append(names, r)
		}
	}
	for _, n := range names {
		row := plain(n.Name)
		for _, p := range phases {
			text := "–"
			if v := reading(d, engine, p, n.Name); v != nil {
				text = v1.Quantity(*v, n.Unit)
			}
			row = append(row, Cell{Text: text})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// growth is how costs grow, over cycles and with size.
func growth(d *v1.ScaleData, sum *v1.ScaleSummary) []Block {
	var blocks []Block
	if c, ok := cycles(d); ok {
		blocks = append(blocks, c)
	}
	if c, ok := sizes(d); ok {
		blocks = append(blocks, c)
	}
	if sum == nil {
		return blocks
	}
	t := Table{Caption: "Slopes, costs and exponents, with 95 % intervals", Head: Columns("Engine", "Cost", "Per", "#Value", "#Interval", "#n", "Note")}
	for i := range sum.Engines {
		t.Rows = append(t.Rows, growthRows(&sum.Engines[i])...)
	}
	if len(t.Rows) > 0 {
		blocks = append(blocks, t)
	}
	return blocks
}

func growthRows(e *v1.EngineSummary) [][]Cell {
	var rows [][]Cell
	for _, s := range e.Slopes {
		note := "not different from 0"
		if s.Differs {
			note = "different from 0"
		}
		rows = append(rows, plain(e.Engine, s.Name, "cycle", v1.Quantity(s.Slope, s.Unit), interval(v1.Quantity(s.Lo, s.Unit), v1.Quantity(s.Hi, s.Unit)), count(s.Cycles), note))
	}
	for _, c := range e.Costs {
		for _, term := range c.Terms {
			rows = append(rows, plain(e.Engine, c.Name, term.Per, v1.Quantity(term.Value, c.Unit), interval(v1.Quantity(term.Lo, c.Unit), v1.Quantity(term.Hi, c.Unit)), count(c.N), fmt.Sprintf("R² %.3f", c.R2)))
		}
		if c.Why != "" {
			rows = append(rows, plain(e.Engine, c.Name, "–", "–", "–", count(c.N), c.Why))
		}
	}
	for _, g := range e.Growth {
		rows = append(rows, plain(e.Engine, g.Name, g.In+" to the power of", fmt.Sprintf("%.2f", g.Exponent), interval(fmt.Sprintf("%.2f", g.Lo), fmt.Sprintf("%.2f", g.Hi)), count(g.N), fmt.Sprintf("R² %.3f", g.R2)))
	}
	return rows
}

func interval(lo, hi string) string { return lo + " to " + hi }

// cycles is memory from cycle to cycle of load and delete.
func cycles(d *v1.ScaleData) (Chart, bool) {
	c := Chart{
		ID: "cycles", Title: "Resident memory after each cycle of load and delete", Says: "Resident memory by cycle; the table has the values.",
		X: Axis{Label: "cycle"}, Y: Axis{Label: "resident", Unit: v1.UnitBytes, Zero: true},
		Behind: Table{Caption: "Values", Head: Columns("Engine", "#Repeat", "#Cycle", "#Resident"), Fold: true},
	}
	for _, r := range d.Readings {
		if r.Phase != v1.PhaseCycle || r.Name != v1.RSS {
			continue
		}
		c.point(fmt.Sprintf("%s, repeat %d", r.Engine, r.Repeat), float64(r.Cycle), r.Value)
		c.Behind.Rows = append(c.Behind.Rows, plain(r.Engine, count(r.Repeat), count(r.Cycle), v1.Quantity(r.Value, r.Unit)))
	}
	return c, len(c.Behind.Rows) > 1
}

// sizes is what a cost is at each size of the load.
func sizes(d *v1.ScaleData) (Chart, bool) {
	c := Chart{
		ID: "sizes", Title: "Resident memory by pods", Says: "Resident memory by the number of pods; the table has all costs.",
		X: Axis{Label: "pods", Zero: true}, Y: Axis{Label: "resident", Unit: v1.UnitBytes, Zero: true},
		Behind: Table{Caption: "Costs by size", Head: Columns("Engine", "Cost", "#Nodes", "#Pods", "#Policies", "#CIDRs", "#Value"), Fold: true},
	}
	points := slices.Clone(d.Points)
	slices.SortStableFunc(points, func(a, b v1.Point) int { return a.Pods - b.Pods })
	distinct := map[int]bool{}
	for _, p := range points {
		c.Behind.Rows = append(c.Behind.Rows, plain(p.Engine, p.Name, count(p.Nodes), count(p.Pods), count(p.Policies), count(p.CIDRs), v1.Quantity(p.Value, p.Unit)))
		if p.Name != v1.RSS {
			continue
		}
		c.point(p.Engine, float64(p.Pods), p.Value)
		distinct[p.Pods] = true
	}
	return c, len(distinct) > 1
}
