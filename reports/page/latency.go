package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// latency are an overview by transition, a distribution for each, and the figures.
func latency(d *v1.ScaleData, sum *v1.ScaleSummary, groups []transition) []Block {
	var floor grouped
	var timed []transition
	for _, t := range groups {
		switch {
		case t.name == v1.Floor:
			floor = t.engines
		case t.timed():
			timed = append(timed, t)
		}
	}
	var blocks []Block
	if len(timed) > 1 {
		blocks = append(blocks, byTransition(d, timed))
	}
	var all Group
	for i, t := range timed {
		of := slices.Clone(t.engines)
		for _, f := range floor {
			if slices.ContainsFunc(of, func(g group) bool { return g.name == f.name }) {
				of = append(of, group{name: "floor", samples: f.samples, faint: true})
				break // one tells of the method
			}
		}
		var marks []Mark
		for _, e := range d.Run.Engines {
			if e.Limits != nil && e.Limits.P99[t.name] > 0 {
				marks = append(marks, Mark{X: e.Limits.P99[t.name], Text: "limit of p99, " + e.Name, Tone: Bad})
			}
		}
		all = append(all, distributions(fmt.Sprintf("transition-%d", i), t.name, of, marks))
	}
	blocks = append(blocks, all)
	if sum != nil {
		blocks = append(blocks, latencyTable(sum))
	}
	return blocks
}

// timed reports whether there is a time to show: of flows that no change is about, and of new pods,
// a sample is how long packets were wrong, and mostly 0.
func (t transition) timed() bool {
	return slices.ContainsFunc(t.engines, func(g group) bool { return slices.ContainsFunc(g.samples, func(v float64) bool { return v != 0 }) })
}

// byTransition is p50 and p99 of each engine, side by side.
func byTransition(d *v1.ScaleData, timed []transition) Chart {
	c := Chart{
		ID: "transitions", Title: "Half and 99 % of changes, by transition",
		X: Axis{Label: "transition"}, Y: Axis{Label: "after the answer", Unit: "ms", Log: true},
		Behind: Table{Caption: "Values", Head: Columns("Transition", "Engine", "#n", "#p50", "#p99"), Fold: true},
	}
	for _, t := range timed {
		c.X.Names = append(c.X.Names, t.name)
	}
	for k, e := range d.Run.Engines {
		half := Series{Name: e.Name + " p50", Shape: Points}
		most := Series{Name: e.Name + " p99", Shape: Points, Hollow: true}
		for i, t := range timed {
			j := slices.IndexFunc(t.engines, func(g group) bool { return g.name == e.Name })
			if j < 0 {
				continue
			}
			samples := t.engines[j].samples
			x := float64(i) + 0.16*(float64(k)-float64(len(d.Run.Engines)-1)/2)
			p50, p99 := v1.Quantile(samples, 0.5), v1.Quantile(samples, 0.99)
			half.X, half.Y = append(half.X, x), append(half.Y, shown(p50))
			most.X, most.Y = append(most.X, x), append(most.Y, shown(p99))
			c.Behind.Rows = append(c.Behind.Rows, plain(t.name, e.Name, count(len(samples)), ms(p50), ms(p99)))
		}
		if len(half.X) > 0 {
			half.Colour, most.Colour = k+1, k+1
			c.Series = append(c.Series, half, most)
		}
	}
	c.Says = fmt.Sprintf("p50 and p99 of %d transitions for %d engines; the table has the values.", len(timed), len(d.Run.Engines))
	return c
}

// shown is a time as a logarithmic axis can show it.
func shown(v *float64) *float64 {
	if v == nil || math.IsInf(*v, 0) {
		return nil
	}
	return new(max(*v, leastTime))
}

// latencyTable has the figures with their intervals.
func latencyTable(sum *v1.ScaleSummary) Table {
	t := Table{
		Caption: "Times in ms from the answer, with 95 % bootstrap intervals; … is an open end, > beyond the deadline",
		Head:    Columns("Transition", "Engine", "#n", "#p50", "#p99", "#slowest", "#due p99", "#seen p50", "#done p50", "#late", "#void", "#leaked", "#lost"),
	}
	for _, name := range append(transitionNames(sum), v1.Floor) { // engines side by side
		for i := range sum.Engines {
			if r := transitionOf(&sum.Engines[i], name); r != nil {
				t.Rows = append(t.Rows, latencyRow(sum.Engines[i].Engine, r))
			}
		}
	}
	return t
}

// transitionNames are those of any engine's transitions, in the order in which they are shown.
func transitionNames(sum *v1.ScaleSummary) []string {
	var names []string
	for i := range sum.Engines {
		for _, r := range sum.Engines[i].Transitions {
			if !slices.Contains(names, r.Transition) {
				names = append(names, r.Transition)
			}
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	return names
}

// transitionOf is a transition of an engine, nil when it has none of that name.
func transitionOf(e *v1.EngineSummary, name string) *v1.Transition {
	if name == v1.Floor {
		return e.Floor
	}
	if i := slices.IndexFunc(e.Transitions, func(t v1.Transition) bool { return t.Transition == name }); i >= 0 {
		return &e.Transitions[i]
	}
	return nil
}

func latencyRow(engine string, r *v1.Transition) []Cell {
	number := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.1f", *v)
	}
	cells := plain(r.Transition, engine, count(r.N), r.P50.String(), r.P99.String(), r.Max.Bare(), r.DueP99.Bare(), number(r.SeenP50), number(r.CommitP50),
		count(r.Censored), count(r.Void), count(r.LeakPackets), count(r.LostPackets))
	cells[9].Tone, cells[11].Tone = wrongIf(r.Censored, Warn), wrongIf(r.LeakPackets, Bad)
	return cells
}

// wrongPackets are leaks and outages, on the clock of each turn.
func wrongPackets(d *v1.ScaleData) []Block {
	lanes := Lanes{
		Title:  "Changes in which packets got the wrong verdict",
		Behind: Table{Caption: "Pairs with wrong packets", Fold: true, Head: Columns("Engine", "#Repeat", "Transition", "#Change", "Pair", "#At", "#Leaked", "#Lost", "#Leak", "#Outage")},
	}
	total := 0
	for i := range d.Samples {
		s := &d.Samples[i]
		lanes.To = max(lanes.To, s.Ack/1000)
		if s.Leaked == 0 && s.Lost == 0 || s.Void != "" || s.Transition == v1.Floor {
			continue
		}
		tone, what := Warn, fmt.Sprintf("%s lost", count(s.Lost))
		if s.Leaked > 0 {
			tone, what = Bad, fmt.Sprintf("%s leaked", count(s.Leaked))
		}
		from := s.Ack / 1000
		lanes.put(s.Engine+", "+s.Transition, Span{From: from, To: from + max(s.Leak, s.Outage)/1000, Tone: tone, Says: what + " at " + s.Pair})
		if total++; total <= mostRows {
			lanes.Behind.Rows = append(lanes.Behind.Rows, plain(s.Engine, count(s.Repeat), s.Transition, count(s.Change), s.Pair, fmt.Sprintf("%.2f s", from),
				count(s.Leaked), count(s.Lost), fmt.Sprintf("%.1f ms", s.Leak), fmt.Sprintf("%.1f ms", s.Outage)))
		}
	}
	if len(d.Samples) == 0 {
		return nil
	}
	if total == 0 {
		return []Block{Facts{{"Wrong packets", "none in any sample that counts"}}}
	}
	lanes.Behind.Caption += fmt.Sprintf(": %s", count(total))
	lanes.Ticks = ticks(lanes.To)
	return []Block{lanes}
}

// mostRows is how many rows of a kind a page lists; the records have them all.
const mostRows = 500
