package tell

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/netassay/netassay/reach/matrix"
)

// MostRows is how many rows a table for eyes has; JSON has all.
const MostRows = 1000

// Table writes a row for each flow, MostRows at most, which is all that a report for it needs.
func (r *Report) Table(w io.Writer) error {
	if err := r.notes(w); err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "FROM\tTO\tMAY REACH")
	for i := range r.Flows[:min(len(r.Flows), MostRows)] {
		f := &r.Flows[i]
		fmt.Fprintf(tw, "%s\t%s\t%s%s\n", f.From, f.To, f.Verdict(), r.only(i))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	left, about := max(0, len(r.Flows)-MostRows), ""
	if r.More > 0 {
		left, about = left+r.More, "some "
	}
	if left == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "and %s%d rows more: narrow it by --from, --to or -n, or take -o json\n", about, left)
	return err
}

func (r *Report) notes(w io.Writer) error {
	for _, n := range r.Notes {
		if _, err := fmt.Fprintf(w, "note: %s\n", n); err != nil {
			return err
		}
	}
	return nil
}

// Dot writes the drawing for Graphviz: an arrow for each pair of which something may pass, with
// what it is where that is not all.
func (r *Report) Dot(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph reach {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for n, ns := range r.namespaces() {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%q;\n", n, ns)
		for i := range r.Classes {
			if c := &r.Classes[i]; c.Namespace == ns {
				fmt.Fprintf(&b, "    %q [label=%q];\n", c.Name, c.label())
			}
		}
		b.WriteString("  }\n")
	}
	for i := range r.Classes {
		if c := &r.Classes[i]; c.Kind != matrix.Pods {
			fmt.Fprintf(&b, "  %q [shape=ellipse];\n", c.Name)
		}
	}
	for _, i := range r.arrows() {
		f := &r.Flows[i]
		if v := f.Verdict() + r.only(i); v == "all" {
			fmt.Fprintf(&b, "  %q -> %q;\n", f.From, f.To)
		} else {
			fmt.Fprintf(&b, "  %q -> %q [label=%q];\n", f.From, f.To, v)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Mermaid writes the same drawing for Markdown.
func (r *Report) Mermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	node := func(c *Class) string {
		id := fmt.Sprintf("c%d", len(ids))
		ids[c.Name] = id
		return fmt.Sprintf("%s[\"%s\"]", id, mermaidText(c.label()))
	}
	for n, ns := range r.namespaces() {
		fmt.Fprintf(&b, "  subgraph n%d[\"%s\"]\n", n, mermaidText(ns))
		for i := range r.Classes {
			if r.Classes[i].Namespace == ns {
				fmt.Fprintf(&b, "    %s\n", node(&r.Classes[i]))
			}
		}
		b.WriteString("  end\n")
	}
	for i := range r.Classes {
		if r.Classes[i].Kind != matrix.Pods {
			fmt.Fprintf(&b, "  %s\n", node(&r.Classes[i]))
		}
	}
	for _, i := range r.arrows() {
		f, arrow := &r.Flows[i], "-->"
		if v := f.Verdict() + r.only(i); v != "all" {
			arrow = fmt.Sprintf("-->|\"%s\"|", mermaidText(v))
		}
		fmt.Fprintf(&b, "  %s %s %s\n", ids[f.From], arrow, ids[f.To])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText is text within quotes of Mermaid, which knows no escapes but entities.
func mermaidText(s string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(s)
}

func (c *Class) label() string {
	if c.Count > 1 {
		return fmt.Sprintf("%s ×%d", c.Name, c.Count)
	}
	return c.Name
}

// namespaces are those of the classes, in their order.
func (r *Report) namespaces() []string {
	var out []string
	for i := range r.Classes {
		if ns := r.Classes[i].Namespace; ns != "" && !slices.Contains(out, ns) {
			out = append(out, ns)
		}
	}
	return out
}

// arrows are the flows of which something may pass, between two classes.
func (r *Report) arrows() []int {
	var out []int
	for i := range r.Flows {
		if f := &r.Flows[i]; len(f.Allow) > 0 && f.From != f.To {
			out = append(out, i)
		}
	}
	return out
}
