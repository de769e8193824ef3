package trendpage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/page"
	"github.com/netassay/netassay/reports/trend"
)

// axisOf is how a chart shows a metric, and by what its values are multiplied for that.
func axisOf(metric string) (a page.Axis, by float64) {
	switch {
	case strings.HasSuffix(metric, "_per_second"):
		return page.Axis{Label: "per second", Zero: true}, 1
	case metric == metrics.Duration || metric == metrics.Ready:
		return page.Axis{Label: "seconds", Unit: "s", Zero: true}, 1
	case strings.Contains(metric, "_seconds"):
		return page.Axis{Label: "milliseconds", Unit: "ms", Zero: true}, 1000
	case strings.HasSuffix(metric, "_bytes"):
		return page.Axis{Label: "memory", Unit: "B", Zero: true}, 1
	case strings.HasSuffix(metric, "_ratio"):
		return page.Axis{Label: "percent", Unit: "%", Zero: true}, 100
	}
	return page.Axis{Label: "count", Zero: true}, 1
}

// times are the nights on an axis.
func times(t *trend.Trend) []float64 {
	out := make([]float64, len(t.Nights))
	for i := range t.Nights {
		out[i] = float64(t.Nights[i].Started.Unix())
	}
	return out
}

func timeAxis() page.Axis { return page.Axis{Label: "night", Unit: "time"} }

// scaled are a course's values in the unit of its axis.
func scaled(c *trend.Course, by float64) []*float64 {
	out := make([]*float64, len(c.Values))
	for i, v := range c.Values {
		if v != nil {
			s := *v * by
			out[i] = &s
		}
	}
	return out
}

// changeCharts are a chart for each figure with a late change: its nights, the spread of each
// level, and what was new.
func changeCharts(t *trend.Trend) []page.Block {
	var out page.Group
	var done []*trend.Course
	for i := range t.Changes {
		c := t.Changes[i].Course
		if t.Changes[i].Direction == trend.Other || slices.Contains(done, c) || len(done) == charted {
			continue
		}
		done = append(done, c)
		out = append(out, changeChart(t, c, len(done)))
	}
	if len(out) == 0 {
		return nil
	}
	return []page.Block{out}
}

func changeChart(t *trend.Trend, c *trend.Course, n int) page.Chart {
	y, by := axisOf(c.Metric)
	x := times(t)
	low, high := levels(c, by)
	title := c.Experiment + " " + c.Engine + ": " + c.Name()
	return page.Chart{
		ID: fmt.Sprintf("change-%d", n), Title: title, X: timeAxis(), Y: y,
		Says: fmt.Sprintf("%s by night, with the quartiles of each level as a band and a line where the level changes.", title),
		Series: []page.Series{
			{Name: "quartiles of the level", Shape: page.Band, X: x, Y: high, Low: low, Faint: true},
			{Name: "night", Shape: page.Points, X: x, Y: scaled(c, by)},
		},
		Marks:  marks(t, c),
		Behind: behind(t, "The same, night by night", []*trend.Course{c}),
	}
}

// levels are the quartiles of each level of a course, at each of its nights.
func levels(c *trend.Course, by float64) (low, high []*float64) {
	low, high = make([]*float64, len(c.Values)), make([]*float64, len(c.Values))
	bounds := []int{0}
	for _, change := range c.Changes {
		bounds = append(bounds, change.At)
	}
	bounds = append(bounds, len(c.Values))
	for i := range len(bounds) - 1 {
		l, h, ok := c.Quartiles(bounds[i], bounds[i+1])
		if !ok {
			continue
		}
		l, h = l*by, h*by
		for n := bounds[i] + min(i, 1); n < bounds[i+1]; n++ { // a gap where the level changes
			low[n], high[n] = &l, &h
		}
	}
	return low, high
}

// marks are a course's changes with what was new that night.
func marks(t *trend.Trend, c *trend.Course) (out []page.Mark) {
	for i := range t.Changes {
		change := &t.Changes[i]
		if change.Course != c {
			continue
		}
		text := trend.Percent(change.Effect)
		if len(change.Since) > 0 {
			text += ", " + change.Since[0]
		}
		out = append(out, page.Mark{X: float64(change.Night.Started.Unix()), Text: text, Tone: directionTone(change.Direction)})
	}
	slices.Reverse(out) // the trend has the latest first
	return out
}

// behind is the table behind a chart.
func behind(t *trend.Trend, caption string, courses []*trend.Course) page.Table {
	table := page.Table{Caption: caption, Fold: true, Head: page.Columns("Night")}
	for _, c := range courses {
		table.Head = append(table.Head, page.Column{Name: c.Name(), Number: true})
	}
	for i := range t.Nights {
		row := []page.Cell{{Text: t.Nights[i].Date()}}
		for _, c := range courses {
			cell := page.Cell{}
			if v := c.Values[i]; v != nil {
				cell.Text = trend.Figure(c.Metric, *v)
			}
			if c.Changed(i) {
				cell.Text += " *"
			}
			row = append(row, cell)
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// group is one experiment with one engine.
type group struct {
	experiment, engine string
	courses            []*trend.Course
}

// groupsOf are the courses by experiment and engine, in their order.
func groupsOf(t *trend.Trend) (out []*group) {
	for i := range t.Courses {
		c := &t.Courses[i]
		if n := len(out); n == 0 || out[n-1].experiment != c.Experiment || out[n-1].engine != c.Engine {
			out = append(out, &group{experiment: c.Experiment, engine: c.Engine})
		}
		last := out[len(out)-1]
		last.courses = append(last.courses, c)
	}
	return out
}

// section has a chart for each figure, its variants as lines, and a table of all.
func (g *group) section(t *trend.Trend) page.Section {
	id := slug(g.experiment + "-" + g.engine)
	s := page.Section{ID: id, Title: g.experiment + ", " + g.engine}
	var charts page.Group
	for _, lines := range g.sharing() {
		charts = append(charts, lines.chart(t, fmt.Sprintf("%s-%d", id, len(charts)+1)))
	}
	s.Blocks = []page.Block{charts, figures(g.courses)}
	return s
}

// lines are courses that share a chart: they differ in one label only, which is their name there.
type lines struct {
	title   string
	names   []string
	courses []*trend.Course
}

// apart are the labels of which one is the name of a line.
func apart() []string { return []string{"transition", "phase", "kind", "outcome"} }

// sharing puts the courses of a group together that share a chart.
func (g *group) sharing() (out []*lines) {
	at := map[string]*lines{}
	for _, c := range g.courses {
		if c.Metric == metrics.Verdict {
			continue
		}
		name, rest := c.Name(), []string{strings.TrimPrefix(c.Metric, "netassay_nightly_")}
		for _, l := range c.Labels {
			if slices.Contains(apart(), l.Name) && name == c.Name() {
				name = l.Value
				continue
			}
			rest = append(rest, l.Value)
		}
		title := strings.ReplaceAll(strings.Join(rest, ", "), "_", " ")
		if at[title] == nil {
			at[title] = &lines{title: title}
			out = append(out, at[title])
		}
		at[title].names = append(at[title].names, name)
		at[title].courses = append(at[title].courses, c)
	}
	return out
}

func (l *lines) chart(t *trend.Trend, id string) page.Chart {
	y, by := axisOf(l.courses[0].Metric)
	chart := page.Chart{ID: id, Title: l.title, X: timeAxis(), Y: y, Says: l.title + " by night: " + strings.Join(l.names, ", ") + ".", Behind: behind(t, "The same as a table", l.courses)}
	for i, c := range l.courses {
		chart.Series = append(chart.Series, page.Series{Name: l.names[i], Shape: page.Line, X: times(t), Y: scaled(c, by), Faint: l.names[i] == "floor"})
		chart.Marks = append(chart.Marks, plain(marks(t, c))...)
	}
	chart.Marks = compact(chart.Marks)
	return chart
}

// plain are marks without their words, where several courses share a chart.
func plain(all []page.Mark) []page.Mark {
	for i := range all {
		all[i].Text = ""
	}
	return all
}

// compact leaves one mark per night, the first.
func compact(all []page.Mark) []page.Mark {
	slices.SortStableFunc(all, func(a, b page.Mark) int { return cmp.Compare(a.X, b.X) })
	return slices.CompactFunc(all, func(a, b page.Mark) bool { return a.X == b.X })
}

// slug is a name as an id: letters, digits and hyphens.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}
