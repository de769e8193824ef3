package trend

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/netassay/netassay/reports/metrics"
)

// Markdown writes the trend for a page of a repository: what changed first, the courses folded.
func Markdown(out io.Writer, t *Trend) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "# Nights\n\n%s.\n\n## What has changed since when\n\n", t.Headline())
	if len(t.Changes) == 0 {
		fmt.Fprint(w, "No figure has changed its level.\n")
	} else {
		fmt.Fprint(w, "| since | what | from | to | change | | p | new that night |\n|---|---|---:|---:|---:|---|---:|---|\n")
	}
	for i := range t.Changes {
		c := &t.Changes[i]
		row(w, c.Night.Date(), c.What(), Figure(c.Course.Metric, c.Before), Figure(c.Course.Metric, c.After),
			Percent(c.Effect), string(c.Direction), Chance(c.P), strings.Join(c.Since, "; "))
	}
	fmt.Fprint(w, "\n## Nights\n\n| night | verdict | runs | new |\n|---|---|---|---|\n")
	for i := len(t.Nights) - 1; i >= max(len(t.Nights)-shown, 0); i-- {
		n := &t.Nights[i]
		row(w, n.Date(), string(n.Verdict), n.RunsLine(), strings.Join(n.New, "; "))
	}
	head := ""
	for i := range t.Courses {
		c := &t.Courses[i]
		if c.Metric == metrics.Verdict {
			continue
		}
		if here := c.Experiment + ", " + c.Engine; here != head {
			head = here
			fmt.Fprintf(w, "\n## %s\n\n| figure | median | quartiles | last | n | nights |\n|---|---:|---:|---:|---:|---|\n", cell(head))
		}
		row(w, c.Name(), Figure(c.Metric, c.Median), c.Spread(), Figure(c.Metric, *c.Last()), fmt.Sprint(c.N), "`"+c.Spark()+"`")
	}
	return w.Flush()
}

// row writes a line of a table.
func row(w io.Writer, cells ...string) {
	for _, text := range cells {
		fmt.Fprintf(w, "| %s ", cell(text))
	}
	fmt.Fprintln(w, "|")
}

// cell is text that stays in its cell: a version may hold anything.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}
