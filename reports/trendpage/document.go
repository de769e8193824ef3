package trendpage

import (
	"fmt"
	"io"
	"strings"

	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/page"
	"github.com/netassay/netassay/reports/trend"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Write writes the page of a trend.
func Write(w io.Writer, t *trend.Trend) error { return of(t).Write(w) }

// charted is how many of the latest changes have a chart of their own; the table has them all.
const charted = 12

func of(t *trend.Trend) *page.Document {
	d := &page.Document{Title: "netassay: nights", Kind: "netassay nightly", Name: "Nights", Lead: t.Headline() + ".", Badge: badge(t), Source: "the files of a history"}
	d.Sections = append(d.Sections,
		page.Section{ID: "summary", Title: "Summary", Blocks: []page.Block{tiles(t)}},
		page.Section{
			ID: "changes", Title: "What has changed since when",
			Note:   "A figure has changed when its nights before and after differ too much for chance, by enough to matter, and for four nights at least. What else was new that night may be the reason.",
			Blocks: append([]page.Block{changeTable(t)}, changeCharts(t)...),
		},
		page.Section{ID: "nights", Title: "Nights", Blocks: []page.Block{nightTable(t)}},
	)
	for _, g := range groupsOf(t) {
		d.Sections = append(d.Sections, g.section(t))
	}
	return d
}

func badge(t *trend.Trend) page.Badge {
	if len(t.Nights) == 0 {
		return page.Badge{Text: "no nights", Tone: page.Odd}
	}
	last := &t.Nights[len(t.Nights)-1]
	return page.Badge{Text: "last night: " + string(last.Verdict), Tone: page.ToneOf(last.Verdict)}
}

func directionTone(d trend.Direction) page.Tone {
	switch d {
	case trend.Worse:
		return page.Bad
	case trend.Better:
		return page.Good
	default:
		return page.Plain
	}
}

func tiles(t *trend.Trend) page.Tiles {
	count := map[trend.Direction]int{}
	for i := range t.Changes {
		count[t.Changes[i].Direction]++
	}
	passed := 0
	for i := range t.Nights {
		if t.Nights[i].Verdict == v1.VerdictPass {
			passed++
		}
	}
	worse := page.Tile{Label: "Got worse", Value: fmt.Sprint(count[trend.Worse]), Note: "figures with another level"}
	if count[trend.Worse] > 0 {
		worse.Tone = page.Bad
	}
	return page.Tiles{
		worse,
		{Label: "Got better", Value: fmt.Sprint(count[trend.Better]), Note: "figures with another level"},
		{Label: "Nights that passed", Value: fmt.Sprint(passed), Note: fmt.Sprintf("of %d", len(t.Nights))},
		{Label: "Figures", Value: fmt.Sprint(len(t.Courses)), Note: "that are followed"},
	}
}

func changeTable(t *trend.Trend) page.Block {
	table := page.Table{
		Caption: "Changes of level, the latest first",
		Head:    page.Columns("Since", "Figure", "#From", "#To", "#Change", "Meaning", "#p", "New that night"),
	}
	for i := range t.Changes {
		c := &t.Changes[i]
		tone := directionTone(c.Direction)
		table.Rows = append(table.Rows, []page.Cell{
			{Text: c.Night.Date()},
			{Text: c.What()},
			{Text: trend.Figure(c.Course.Metric, c.Before)},
			{Text: trend.Figure(c.Course.Metric, c.After)},
			{Text: trend.Percent(c.Effect), Tone: tone},
			{Text: string(c.Direction), Tone: tone},
			{Text: trend.Chance(c.P)},
			{Text: strings.Join(c.Since, "; ")},
		})
	}
	if len(table.Rows) == 0 {
		table.Rows = [][]page.Cell{{{Text: "none"}, {Text: "No figure has changed its level."}, {}, {}, {}, {}, {}, {}}}
	}
	return table
}

func nightTable(t *trend.Trend) page.Block {
	table := page.Table{Caption: "Nights, the latest first", Head: page.Columns("Night", "Verdict", "Runs", "New")}
	for i := len(t.Nights) - 1; i >= 0; i-- {
		n := &t.Nights[i]
		table.Rows = append(table.Rows, []page.Cell{
			{Text: n.Date()}, {Text: string(n.Verdict), Tone: page.ToneOf(n.Verdict)}, {Text: n.RunsLine()}, {Text: strings.Join(n.New, "; ")},
		})
	}
	return table
}

// figures is the table of all courses of a run.
func figures(courses []*trend.Course) page.Block {
	table := page.Table{
		Caption: "All figures: median and quartiles since the load is what it is", Fold: true,
		Head: page.Columns("Figure", "#Median", "#Quartiles", "#Last", "#n", "Course"),
	}
	for _, c := range courses {
		if c.Metric == metrics.Verdict {
			continue
		}
		table.Rows = append(table.Rows, []page.Cell{
			{Text: c.Name()},
			{Text: trend.Figure(c.Metric, c.Median)},
			{Text: c.Spread()},
			{Text: trend.Figure(c.Metric, *c.Last())},
			{Text: fmt.Sprint(c.N)},
			{Text: c.Spark(), Code: true},
		})
	}
	return table
}
