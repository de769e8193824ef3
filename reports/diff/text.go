package diff

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the report for people. Of each item at most some cells are listed.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "netassay diff: %s\n\n", r.headline())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range []struct {
		name string
		side *Side
	}{{"base", &r.Base}, {"head", &r.Head}} {
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\n", s.name, s.side.Name, s.side.Engine, s.side.Version, s.side.verdict(), plural(s.side.Runs, "run"))
	}
	_ = t.Flush() // into memory
	for _, why := range r.Why {
		fmt.Fprintf(&b, "can't be compared: %s\n", why)
	}
	for _, d := range r.Conditions {
		fmt.Fprintf(&b, "differs: %s is %s in base, %s in head\n", d.What, quoted(d.Base), quoted(d.Head))
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(r.sums(), "\n"))
	if len(r.Items) > 0 {
		b.WriteString("\n")
	}
	r.textItems(&b)
	if len(r.Observed) > 0 {
		b.WriteString("\nleft undefined by the API, and done otherwise:\n")
		for _, d := range r.Observed {
			fmt.Fprintf(&b, "  %s: %s → %s\n", d.What, d.Base, d.Head)
		}
	}
	r.textFigures(&b)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "%s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline is the conclusion in words.
func (r *Report) headline() string {
	switch r.Conclusion {
	case Worse:
		return "WORSE"
	case Better:
		return "BETTER"
	case Same:
		return "NO CHANGE FOR THE WORSE"
	case Unsure:
	}
	return "CAN'T BE COMPARED"
}

func (s *Side) verdict() string { return cmp.Or(string(s.Verdict), "no verdict") }

// sums are the counts, a line each.
func (r *Report) sums() []string {
	out := []string{fmt.Sprintf("%d compared: %d worse, %d better, %d unsure", r.Compared, r.Count(Worse), r.Count(Better), r.Count(Unsure))}
	if r.Experiment == "conformance" {
		out[0] = "cases  " + out[0]
		out = append(out, fmt.Sprintf("cells  %d compared: %d worse, %d better, %d unsure", r.Cells, r.CountCells(Worse), r.CountCells(Better), r.CountCells(Unsure)))
	}
	for _, only := range []struct {
		side  string
		names []string
	}{{"base", r.OnlyBase}, {"head", r.OnlyHead}} {
		if n := len(only.names); n > 0 {
			out = append(out, fmt.Sprintf("%s played in %s only: %s", plural(n, "case"), only.side, some(only.names)))
		}
	}
	return out
}

// some are the first of many names.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}

// textCells is how many cells of an item are told.
const textCells = 5

func (r *Report) textItems(b *strings.Builder) {
	for i := range r.Items {
		item := &r.Items[i]
		fmt.Fprintf(b, "%-6s %s: %s → %s", item.Change, item.Name, item.Base, item.Head)
		if item.Why != "" {
			fmt.Fprintf(b, ": %s", oneLine(item.Why))
		}
		b.WriteString("\n")
		for j := range item.Cells[:min(textCells, len(item.Cells))] {
			c := &item.Cells[j]
			fmt.Fprintf(b, "         %-6s %s in %q: want %s, %s → %s", c.Change, c.Flow, c.Step, c.Want, c.Base, c.Head)
			if c.Evidence != "" {
				fmt.Fprintf(b, ": %s", oneLine(c.Evidence))
			}
			b.WriteString("\n")
		}
		if more := len(item.Cells) - textCells; more > 0 {
			fmt.Fprintf(b, "         and %s\n", plural(more, "more cell"))
		}
	}
}

func (r *Report) textFigures(b *strings.Builder) {
	if len(r.Figures) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "engine\tfigure\tbase\thead\tchange\t95 % interval\tp\tn\tverdict")
	for i := range r.Figures {
		f := &r.Figures[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Engine, f.Name, f.Told.Base, f.Told.Head, f.Told.Change, f.Told.Interval, f.Told.P, f.repeats(), f.verdict())
	}
	_ = t.Flush() // into memory
}

func (f *Figure) repeats() string {
	if f.N[0] == f.N[1] {
		return fmt.Sprint(f.N[0])
	}
	return fmt.Sprintf("%d+%d", f.N[0], f.N[1])
}

// verdict is the change as a word: of one that can't be told none.
func (f *Figure) verdict() string {
	if f.Change == Unsure {
		return "-"
	}
	return string(f.Change)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func quoted(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
