package tell

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/reports/page"
)

// HTML writes the report as one page that asks for nothing from anywhere, and looks as the pages of
// runs do.
func (r *Report) HTML(w io.Writer) error {
	d := &page.Document{
		Title: "netassay reach", Kind: "netassay reach", Name: strings.Join(r.namespaces(), ", "),
		Lead:   "What the NetworkPolicies let through, as the specification says; no packet was sent.",
		Source: "the objects that were read", Alerts: r.Notes,
	}
	d.Sections = []page.Section{
		{ID: "summary", Title: "Summary", Blocks: []page.Block{r.tiles()}},
		{ID: "matrix", Title: "Who can talk to whom", Note: "A row for each client, with whom it may reach.", Blocks: r.flowTables()},
		{ID: "classes", Title: "Classes", Note: "What no policy can tell apart is one class.", Blocks: []page.Block{r.classTable()}},
	}
	return d.Write(w)
}

func (r *Report) tiles() page.Tiles {
	all, some, none := 0, 0, 0
	for i := range r.Flows {
		switch r.Flows[i].Verdict() {
		case "all":
			all++
		case "nothing":
			none++
		default:
			some++
		}
	}
	return page.Tiles{
		{Label: "Pairs on all ports", Value: strconv.Itoa(all)},
		{Label: "Pairs on some", Value: strconv.Itoa(some)},
		{Label: "Pairs on none", Value: strconv.Itoa(none)},
		{Label: "Classes", Value: strconv.Itoa(len(r.Classes))},
	}
}

// flowTables are a table for each client, folded where there are many.
func (r *Report) flowTables() []page.Block {
	var blocks []page.Block
	for i := 0; i < len(r.Flows); {
		from := r.Flows[i].From
		t := page.Table{Head: page.Columns("To", "May reach"), Fold: len(r.Flows) > 60}
		for ; i < len(r.Flows) && r.Flows[i].From == from; i++ {
			f := &r.Flows[i]
			t.Rows = append(t.Rows, []page.Cell{{Text: f.To}, {Text: f.Verdict() + r.only(i), Tone: f.tone()}})
		}
		t.Caption = fmt.Sprintf("From %s", from)
		blocks = append(blocks, t)
	}
	return blocks
}

func (f *Flow) tone() page.Tone {
	switch f.Verdict() {
	case "all":
		return page.Good
	case "nothing":
		return page.Bad
	}
	return page.Plain
}

func (r *Report) classTable() page.Table {
	t := page.Table{Caption: "Classes", Head: page.Columns("Name", "What", "#How many", "Labels", "Ports"), Fold: len(r.Classes) > 60}
	for i := range r.Classes {
		c := &r.Classes[i]
		count := ""
		if c.Kind == matrix.Pods || c.Kind == matrix.Nodes {
			count = strconv.Itoa(c.Count)
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: c.Name}, {Text: string(c.Kind)}, {Text: count}, {Text: c.labels()}, {Text: strings.Join(c.Ports, ", ")}})
	}
	return t
}
