package page

import (
	"fmt"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// mostPoints is how many points of a distribution are drawn: more can't be told apart.
const mostPoints = 300

// distribution is the empirical distribution of samples: at each value, which share was not above
// it. Samples that are +Inf count, and are never reached.
func distribution(name string, samples []float64) Series {
	sorted := slices.Sorted(slices.Values(samples))
	out := Series{Name: name, Shape: Steps}
	n := len(sorted)
	for i, v := range sorted {
		next := i + 1
		switch {
		case math.IsInf(v, 1):
			return out
		case next < n && sorted[next] == v:
			continue // the step goes up at once
		case n > mostPoints && next < n && !math.IsInf(sorted[next], 1) && i*mostPoints/n == next*mostPoints/n:
			continue
		}
		if len(out.X) == 0 { // it rises from 0
			out.X, out.Y = append(out.X, 0.999*max(v, leastTime)), append(out.Y, new(0.0))
		}
		share := 100 * float64(next) / float64(n)
		out.X, out.Y = append(out.X, max(v, leastTime)), append(out.Y, &share)
	}
	return out
}

// leastTime is the least that a logarithmic axis of milliseconds shows; what was right before the
// answer of the API server is there.
const leastTime = 0.1

// group is a name and its samples, in milliseconds.
type group struct {
	name    string
	samples []float64
	faint   bool // a floor
}

// grouped puts samples into groups, in the order in which their names come.
type grouped []group

func (g *grouped) add(name string, v float64) {
	i := slices.IndexFunc(*g, func(o group) bool { return o.name == name })
	if i < 0 {
		i = len(*g)
		*g = append(*g, group{name: name})
	}
	(*g)[i].samples = append((*g)[i].samples, v)
}

// late is how many samples were never right.
func late(samples []float64) (n int) {
	for _, v := range samples {
		n += bit(math.IsInf(v, 1))
	}
	return n
}

// distributions is a chart of groups, with their quantiles behind it.
func distributions(id, title string, groups grouped, marks []Mark) Chart {
	c := Chart{
		ID: id, Title: title, Marks: marks,
		X:      Axis{Label: "after the answer of the API server", Unit: "ms", Log: true},
		Y:      Axis{Label: "right and stable", Unit: "%", Zero: true},
		Behind: Table{Caption: "Quantiles", Head: Columns("Of", "#n", "#p50", "#p90", "#p99", "#slowest", "#never right"), Fold: true},
	}
	for _, g := range groups {
		s := distribution(fmt.Sprintf("%s, n=%s", g.name, count(len(g.samples))), g.samples)
		s.Faint = g.faint
		if len(s.X) > 0 {
			c.Series = append(c.Series, s)
		}
		never := late(g.samples)
		row := []string{g.name, count(len(g.samples))}
		for _, q := range []float64{0.5, 0.9, 0.99, 1} {
			text := ms(v1.Quantile(g.samples, q))
			if never > 0 && text == "–" {
				text = "never"
			}
			row = append(row, text)
		}
		c.Behind.Rows = append(c.Behind.Rows, plain(append(row, count(never))...))
		if c.Says != "" {
			c.Says += "; "
		}
		c.Says += fmt.Sprintf("%s: half within %s, 99 %% within %s", g.name, row[2], row[4])
	}
	c.Says = title + ". " + c.Says
	return c
}

// The transitions of a run of the suite.
const (
	becameAllowed = "became allowed"
	becameDenied  = "became denied"
)

// becomes is the transition of a cell that a step changes.
func becomes(c *v1.Cell) string {
	if c.Want == "Deny" {
		return becameDenied
	}
	return becameAllowed
}

// convergence are the distributions of a conformance run.
func convergence(run *v1.Run, f v1.Figures) []Block {
	byVerdict := grouped{{name: becameAllowed}, {name: becameDenied}}
	for c := range run.EachCell {
		if v, ok := c.Convergence(); ok {
			byVerdict.add(becomes(c), v)
		}
	}
	byVerdict = slices.DeleteFunc(byVerdict, func(g group) bool { return len(g.samples) == 0 })
	if len(byVerdict) == 0 {
		return []Block{Facts{{"Changed cells", "none was judged"}}}
	}
	var marks []Mark
	mark := func(v *float64, text string) {
		if v != nil && *v > 0 {
			marks = append(marks, Mark{X: *v, Text: text})
		}
	}
	if run.Sentinel != nil {
		mark(run.Sentinel.Floor.DelayP50, "floor p50: a connection without a policy")
	}
	mark(f.ResolutionP50, "resolution p50")
	if f.ConvergenceCensored > 0 {
		mark(&run.Timing.Deadline, "deadline")
	}
	return []Block{distributions("convergence", "Share of changed cells that are right and stable", byVerdict, marks)}
}
