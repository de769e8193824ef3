package diff

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/netassay/netassay/reports/page"
)

// mostPageRows is how many changes a browser filters at once.
const mostPageRows = 20_000

// HTML writes the report as one page that asks for nothing from anywhere, and looks as the pages of
// runs do.
func (r *Report) HTML(w io.Writer) error {
	d := &page.Document{
		Title: "netassay snapshot diff", Kind: "netassay snapshot diff", Name: r.headline(), Badge: r.badge(),
		Lead:   "What the NetworkPolicies of two states let through, as the specification says; no packet was sent.",
		Source: "the objects of both states", Alerts: r.Notes,
	}
	if left := len(r.Changes) - mostPageRows; left > 0 {
		d.Alerts = append(d.Alerts, fmt.Sprintf("%d changes more than a page has room for are left out: take -o json.", left))
	}
	d.Sections = []page.Section{
		{ID: "summary", Title: "Summary", Blocks: []page.Block{r.tiles(), r.policyTable()}},
		{ID: "flows", Title: "Flows that changed", Note: "Of groups of pods that are in both states, with the policies that make the difference, each by itself.", Blocks: []page.Block{r.flows()}},
	}
	if groups := r.groups(); len(groups) > 0 {
		d.Sections = append(d.Sections, page.Section{ID: "groups", Title: "Groups of one state", Note: "There is nothing that they could be compared with.", Blocks: groups})
	}
	return d.Write(w)
}

// headline says in a few words what became of flows.
func (r *Report) headline() string {
	if len(r.Changes) == 0 {
		return "the same flows pass"
	}
	return fmt.Sprintf("%d gained, %d lost", r.Count(gained), r.Count(lost))
}

func (r *Report) badge() page.Badge {
	switch {
	case r.Count(gained)+r.Count(lost) > 0:
		return page.Badge{Text: "changed", Tone: page.Warn}
	case len(r.Changes) > 0:
		return page.Badge{Text: "left open otherwise", Tone: page.Odd}
	}
	return page.Badge{Text: "equal", Tone: page.Good}
}

func (r *Report) tiles() page.Tiles {
	return page.Tiles{
		{Label: "Gained", Value: strconv.Itoa(r.Count(gained)), Note: "pass after, and did not before"},
		{Label: "Lost", Value: strconv.Itoa(r.Count(lost)), Note: "passed before, and do not after"},
		{Label: "Other", Value: strconv.Itoa(r.Count(other)), Note: "left open by the API on one side"},
		{Label: "Compared", Value: strconv.Itoa(r.Compared), Note: "pairs of groups"},
	}
}

func (r *Report) policyTable() page.Table {
	t := page.Table{Caption: fmt.Sprintf("Policies that differ: %d", len(r.Policies)), Head: page.Columns("Policy", "Change"), Filter: true}
	for _, p := range r.Policies {
		t.Rows = append(t.Rows, []page.Cell{{Text: p.Name}, {Text: p.Change}})
	}
	return t
}

func (r *Report) flows() page.Table {
	t := page.Table{
		Caption: fmt.Sprintf("Changes: %d", len(r.Changes)), Filter: true,
		Head: page.Columns("Change", "From", "To", "Families", "Ports", "Before", "After", "By", "Why it is so now"),
	}
	for i := range r.Changes[:min(len(r.Changes), mostPageRows)] {
		c := &r.Changes[i]
		var families []string
		for _, f := range c.Families {
			families = append(families, string(f))
		}
		tone := map[string]page.Tone{gained: page.Good, lost: page.Bad}[c.Word()]
		t.Rows = append(t.Rows, []page.Cell{
			{Text: c.Word(), Tone: tone},
			{Text: c.From},
			{Text: c.To},
			{Text: strings.Join(families, ", ")},
			{Text: c.Ports},
			{Text: string(c.Before)},
			{Text: string(c.After)},
			{Text: c.by()},
			{Text: c.Reason},
		})
	}
	return t
}

// groups are those that are in one state only.
func (r *Report) groups() (all []page.Block) {
	if len(r.Gone) > 0 {
		all = append(all, page.List(fmt.Sprintf("Only before: %d", len(r.Gone)), "Group", r.Gone, true))
	}
	if len(r.New) > 0 {
		all = append(all, page.List(fmt.Sprintf("Only after: %d", len(r.New)), "Group", r.New, true))
	}
	return all
}
