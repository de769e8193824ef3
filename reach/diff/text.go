package diff

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reports/render"
)

// mostRows is how many changes are told to people; JSON has all.
const mostRows = 500

// mostNames is how many groups of one state are named in a line.
const mostNames = 10

// What becomes of flows.
const (
	gained = "gained"
	lost   = "lost"
	other  = "other" // left open by the API on one side, and not allowed on the other
)

// Word is what became of the flows.
func (c *Change) Word() string {
	switch {
	case c.After == model.Allow:
		return gained
	case c.Before == model.Allow:
		return lost
	}
	return other
}

// Count is how many changes have a word.
func (r *Report) Count(word string) int {
	n := 0
	for i := range r.Changes {
		if r.Changes[i].Word() == word {
			n++
		}
	}
	return n
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	for _, p := range r.Policies {
		fmt.Fprintf(w, "policy %s: %s\n", p.Name, p.Change)
	}
	for _, side := range []struct {
		what  string
		names []string
	}{{"only before", r.Gone}, {"only after", r.New}} {
		if len(side.names) > 0 {
			fmt.Fprintf(w, "%s: %s\n", side.what, render.FirstOf(side.names, mostNames, len(side.names)))
		}
	}
	if len(r.Changes) > 0 {
		if err := r.table(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d pairs compared: %d changes gained flows, %d lost some, %d other\n", r.Compared, r.Count(gained), r.Count(lost), r.Count(other))
	return err
}

// by names the policies that make the difference.
func (c *Change) by() string {
	if len(c.By) == 0 {
		return "several together, or labels"
	}
	return strings.Join(c.By, ", ")
}

func (r *Report) table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "CHANGE\tFROM\tTO\tPORTS\tBEFORE\tAFTER\tBY")
	for i := range r.Changes[:min(len(r.Changes), mostRows)] {
		c := &r.Changes[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Word(), c.From, c.To, c.Ports, c.Before, c.After, c.by())
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if left := len(r.Changes) - mostRows; left > 0 {
		_, err := fmt.Fprintf(w, "and %d changes more: take -o json\n", left)
		return err
	}
	return nil
}
