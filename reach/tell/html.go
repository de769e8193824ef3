package tell

import (
	"fmt"
	"io"
	"slices"
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
	if left := len(r.Flows) - mostPageRows; left > 0 {
		d.Alerts = append(d.Alerts, fmt.Sprintf("%d pairs more than a page has room for are left out: narrow it by --from, --to or -n.", left))
	}
	d.Sections = []page.Section{
		{ID: "summary", Title: "Summary", Blocks: []page.Block{r.tiles()}},
		{ID: "matrix", Title: "Who can talk to whom", Note: "On which ports a client may reach a server, by the specification.", Blocks: r.flows()},
		{ID: "groups", Title: "Groups", Note: "What no policy can tell apart is one of them.", Blocks: []page.Block{r.classTable()}},
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
		{Label: "Groups", Value: strconv.Itoa(len(r.Classes))},
	}
}

const (
	mostColumns  = 16     // servers that a matrix has room for
	mostPageRows = 20_000 // pairs that a browser filters at once
)

// flows are the matrix where there is room for it, and a row for each pair.
func (r *Report) flows() []page.Block {
	t := page.Table{Caption: fmt.Sprintf("%d pairs", len(r.Flows)), Head: page.Columns("From", "To", "May reach"), Filter: true}
	for i := range r.Flows[:min(len(r.Flows), mostPageRows)] {
		f := &r.Flows[i]
		t.Rows = append(t.Rows, []page.Cell{{Text: f.From}, {Text: f.To}, {Text: f.Verdict() + r.only(i), Tone: f.tone()}})
	}
	if len(r.Classes) > mostColumns {
		return []page.Block{t}
	}
	return []page.Block{r.matrix(), t}
}

// matrix has a row for each client and a column for each server.
func (r *Report) matrix() page.Table {
	var clients, servers []string
	cells := map[[2]string]page.Cell{}
	for i := range r.Flows {
		f := &r.Flows[i]
		if !slices.Contains(clients, f.From) {
			clients = append(clients, f.From)
		}
		if !slices.Contains(servers, f.To) {
			servers = append(servers, f.To)
		}
		at := [2]string{f.From, f.To}
		c := page.Cell{Text: f.Verdict() + r.only(i), Tone: f.tone()}
		if before, ok := cells[at]; ok {
			c = page.Cell{Text: before.Text + "; " + c.Text}
		}
		cells[at] = c
	}
	t := page.Table{Caption: "Clients by servers", Head: page.Columns(append([]string{"From, to"}, servers...)...)}
	for _, a := range clients {
		row := []page.Cell{{Text: a}}
		for _, b := range servers {
			c, ok := cells[[2]string{a, b}]
			if !ok {
				c.Text = "-"
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
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
	t := page.Table{Caption: "Groups", Head: page.Columns("Name", "What", "#How many", "Labels", "Ports"), Filter: true}
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
