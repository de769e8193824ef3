package diff

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/netassay/netassay/reports/page"
)

// HTML writes the report as one page that asks for nothing from anywhere, and looks as the pages of
// runs do.
func (r *Report) HTML(w io.Writer) error {
	d := &page.Document{
		Title: "netassay diff: " + strings.ToLower(r.headline()), Kind: "netassay diff", Name: r.names(),
		Badge: page.Badge{Text: strings.ToLower(r.headline()), Tone: r.Conclusion.tone()}, Source: "the two results",
	}
	for _, why := range r.Why {
		d.Alerts = append(d.Alerts, "Can't be compared: "+why+".")
	}
	d.Sections = []page.Section{{ID: "summary", Title: "Summary", Blocks: r.summary()}}
	add := func(id, title, note string, blocks ...page.Block) {
		if len(blocks) > 0 {
			d.Sections = append(d.Sections, page.Section{ID: id, Title: title, Note: note, Blocks: blocks})
		}
	}
	add("changed", "What changed", "The worse first. Below the list are the cells of each case that changed.", r.changed()...)
	add("figures", "Times and costs", "Judged by the statistics of netassay scale compare. A verdict that is - was not judged.", r.figures()...)
	add("conditions", "Conditions that differ", "", differingBlocks("Conditions", r.Conditions)...)
	add("undefined", "Left undefined by the API, and done otherwise", "Neither worse nor better.", differingBlocks("Undefined by the API", r.Observed)...)
	add("notes", "Notes", "", r.notes()...)
	return d.Write(w)
}

// names are the engines of both sides, or the one that they share.
func (r *Report) names() string {
	if r.Base.Engine == r.Head.Engine {
		return r.Base.Engine
	}
	return r.Base.Engine + " → " + r.Head.Engine
}

func (c Change) tone() page.Tone {
	switch c {
	case Worse:
		return page.Bad
	case Better:
		return page.Good
	case Unsure:
		return page.Odd
	case Same:
	}
	return page.Plain
}

func (r *Report) summary() []page.Block {
	tile := func(c Change, label, note string) page.Tile {
		t := page.Tile{Label: label, Value: strconv.Itoa(r.Count(c)), Note: note}
		if r.Count(c) > 0 {
			t.Tone = c.tone()
		}
		return t
	}
	cells := func(c Change) string {
		if r.Experiment != "conformance" {
			return ""
		}
		return plural(r.CountCells(c), "cell")
	}
	tiles := page.Tiles{
		tile(Worse, "Worse", cells(Worse)), tile(Better, "Better", cells(Better)), tile(Unsure, "Unsure", cells(Unsure)),
		{Label: "Compared", Value: strconv.Itoa(r.Compared)},
	}
	if r.Experiment == "conformance" {
		tiles[3].Note = "cases, " + plural(r.Cells, "cell")
	}
	sides := page.Table{Caption: "What is compared", Head: page.Columns("", "Result", "Engine", "Version", "Verdict", "#Runs")}
	for _, s := range []struct {
		name string
		side *Side
	}{{"base", &r.Base}, {"head", &r.Head}} {
		sides.Rows = append(sides.Rows, []page.Cell{
			{Text: s.name},
			{Text: s.side.Name, Code: true},
			{Text: s.side.Engine},
			{Text: s.side.Version},
			{Text: s.side.verdict(), Tone: page.ToneOf(s.side.Verdict)},
			{Text: strconv.Itoa(s.side.Runs)},
		})
	}
	blocks := []page.Block{tiles, sides}
	for _, only := range []struct {
		side  string
		names []string
	}{{"base", r.OnlyBase}, {"head", r.OnlyHead}} {
		if n := len(only.names); n > 0 {
			blocks = append(blocks, page.List(fmt.Sprintf("Played in %s only: %s", only.side, plural(n, "case")), "Case", only.names, true))
		}
	}
	return blocks
}

// changed are the items, and for each that has some a table of its cells.
func (r *Report) changed() []page.Block {
	if len(r.Items) == 0 {
		return nil
	}
	t := page.Table{Caption: plural(len(r.Items), "change"), Head: page.Columns("Change", "What", "Base", "Head", "#Cells", "Why")}
	var cells []page.Block
	for i := range r.Items {
		item := &r.Items[i]
		row := []page.Cell{{Text: string(item.Change), Tone: item.Change.tone()}, {Text: item.Name}, {Text: item.Base}, {Text: item.Head}, {}, {Text: item.Why}}
		if n := len(item.Cells); n > 0 {
			row[4].Text = strconv.Itoa(n)
			cells = append(cells, item.table())
		}
		t.Rows = append(t.Rows, row)
	}
	return append([]page.Block{t}, cells...)
}

func (item *Item) table() page.Table {
	t := page.Table{
		Caption: fmt.Sprintf("%s: %s", item.Name, plural(len(item.Cells), "cell")), Fold: true,
		Head: page.Columns("Change", "Flow", "Step", "Want", "Base", "Head", "Evidence"),
	}
	for i := range item.Cells {
		c := &item.Cells[i]
		t.Rows = append(t.Rows, []page.Cell{{Text: string(c.Change), Tone: c.Change.tone()}, {Text: c.Flow}, {Text: c.Step}, {Text: c.Want}, {Text: c.Base}, {Text: c.Head}, {Text: c.Evidence}})
	}
	return t
}

func (r *Report) figures() []page.Block {
	if len(r.Figures) == 0 {
		return nil
	}
	t := page.Table{Caption: plural(len(r.Figures), "figure"), Head: page.Columns("Engine", "Figure", "#Base", "#Head", "#Change", "#95 % interval", "#p", "#n", "Verdict")}
	for i := range r.Figures {
		f := &r.Figures[i]
		t.Rows = append(t.Rows, []page.Cell{
			{Text: f.Engine},
			{Text: f.Name},
			{Text: f.Told.Base},
			{Text: f.Told.Head},
			{Text: f.Told.Change},
			{Text: f.Told.Interval},
			{Text: f.Told.P},
			{Text: f.repeats()},
			{Text: f.verdict(), Tone: f.Change.tone()},
		})
	}
	return []page.Block{t}
}

func differingBlocks(caption string, all []Differing) []page.Block {
	if len(all) == 0 {
		return nil
	}
	t := page.Table{Caption: caption, Head: page.Columns("What", "Base", "Head")}
	for _, d := range all {
		t.Rows = append(t.Rows, []page.Cell{{Text: d.What}, {Text: quoted(d.Base)}, {Text: quoted(d.Head)}})
	}
	return []page.Block{t}
}

func (r *Report) notes() []page.Block {
	if len(r.Notes) == 0 {
		return nil
	}
	return []page.Block{page.List("Notes", "Note", r.Notes, false)}
}
