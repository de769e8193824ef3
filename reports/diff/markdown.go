package diff

import (
	"fmt"
	"io"
	"strings"
)

// Marker begins each Markdown report, unseen by readers: a program that finds a comment of a pull
// request that begins so edits it instead of adding another.
const Marker = "<!-- netassay diff -->"

// The bounds of a Markdown report. GitHub takes comments of up to 65,536 characters.
const (
	markdownSize  = 60_000
	markdownItems = 50
	markdownCells = 5
	markdownText  = 200 // characters of one reason or piece of evidence
)

// Markdown writes the report for a comment on a pull request. It is bounded, and says what it
// leaves out.
func (r *Report) Markdown(w io.Writer) error {
	items := min(markdownItems, len(r.Items))
	text := r.markdown(items)
	for len(text) > markdownSize && items > 0 {
		items /= 2
		text = r.markdown(items)
	}
	_, err := io.WriteString(w, text)
	return err
}

func (r *Report) markdown(items int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### netassay diff: %s\n\n", Marker, strings.ToLower(r.headline()))
	fmt.Fprintf(&b, "| | run | engine | verdict | runs |\n|---|---|---|---|---|\n")
	for _, s := range []struct {
		name string
		side *Side
	}{{"base", &r.Base}, {"head", &r.Head}} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", s.name, code(s.side.Name), code(s.side.Engine+" "+s.side.Version), s.side.verdict(), s.side.Runs)
	}
	b.WriteString("\n")
	for _, why := range r.Why {
		fmt.Fprintf(&b, "**Can't be compared**: %s.\n\n", code(why))
	}
	for _, sum := range r.sums() {
		fmt.Fprintf(&b, "- %s\n", code(sum))
	}
	b.WriteString("\n")
	r.markdownItems(&b, items)
	r.markdownFigures(&b)
	details(&b, len(r.Conditions), plural(len(r.Conditions), "different condition"), func() { differingTable(&b, r.Conditions) })
	details(&b, len(r.Observed), plural(len(r.Observed), "difference")+" in what the API leaves undefined", func() { differingTable(&b, r.Observed) })
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", code(n))
	}
	return b.String()
}

// details is a part that opens with a click; nothing when there is nothing in it.
func details(b *strings.Builder, n int, summary string, inside func()) {
	if n == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>%s</summary>\n\n", summary)
	inside()
	b.WriteString("\n</details>\n\n")
}

// differingMost is how many rows of a table of differences are told.
const differingMost = 40

func differingTable(b *strings.Builder, all []Differing) {
	b.WriteString("| what | base | head |\n|---|---|---|\n")
	for _, d := range all[:min(differingMost, len(all))] {
		fmt.Fprintf(b, "| %s | %s | %s |\n", code(d.What), code(quoted(d.Base)), code(quoted(d.Head)))
	}
	if more := len(all) - differingMost; more > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", more)
	}
}

func (r *Report) markdownItems(b *strings.Builder, most int) {
	for _, change := range []Change{Worse, Better, Unsure} {
		n, told := r.Count(change), 0
		if n == 0 {
			continue
		}
		open := ""
		if change == Worse {
			open = " open"
		}
		fmt.Fprintf(b, "<details%s><summary>%d %s</summary>\n\n", open, n, change)
		for i := range r.Items[:most] {
			if item := &r.Items[i]; item.Change == change {
				told++
				item.markdown(b)
			}
		}
		if told < n {
			fmt.Fprintf(b, "- and %d more, left out for length: `netassay diff` has all\n", n-told)
		}
		b.WriteString("\n</details>\n\n")
	}
}

func (item *Item) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "- %s: %s → %s", code(item.Name), item.Base, item.Head)
	if item.Why != "" {
		fmt.Fprintf(b, ": %s", code(item.Why))
	}
	b.WriteString("\n")
	for i := range item.Cells[:min(markdownCells, len(item.Cells))] {
		c := &item.Cells[i]
		fmt.Fprintf(b, "  - %s in %s: want %s, %s → %s", code(c.Flow), code(c.Step), c.Want, c.Base, c.Head)
		if c.Evidence != "" {
			fmt.Fprintf(b, ": %s", code(c.Evidence))
		}
		b.WriteString("\n")
	}
	if more := len(item.Cells) - markdownCells; more > 0 {
		fmt.Fprintf(b, "  - and %s\n", plural(more, "more cell"))
	}
}

func (r *Report) markdownFigures(b *strings.Builder) {
	details(b, len(r.Figures), plural(len(r.Figures), "figure"), func() {
		b.WriteString("| engine | figure | base | head | change | 95 % interval | p | n | verdict |\n|---|---|---|---|---|---|---|---|---|\n")
		for i := range r.Figures {
			f := &r.Figures[i]
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", code(f.Engine), code(f.Name),
				f.Told.Base, f.Told.Head, f.Told.Change, f.Told.Interval, f.Told.P, f.repeats(), f.verdict())
		}
	})
}

// code is text that means nothing to Markdown: no link, no mention, no markup, no end of a table's
// cell. It is shortened.
func code(text string) string {
	text = strings.NewReplacer("`", "'", "|", "¦").Replace(oneLine(text))
	if runes := []rune(text); len(runes) > markdownText {
		text = string(runes[:markdownText-1]) + "…"
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
