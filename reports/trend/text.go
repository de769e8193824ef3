package trend

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/netassay/netassay/reports/metrics"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Figure is a value of a metric with a unit that leaves few digits.
func Figure(metric string, v float64) string {
	switch {
	case strings.HasSuffix(metric, "_per_second"):
		return fmt.Sprintf("%.4g/s", v)
	case strings.Contains(metric, "_seconds"):
		return duration(v)
	case strings.HasSuffix(metric, "_bytes"):
		return v1.Quantity(v, v1.UnitBytes)
	case strings.HasSuffix(metric, "_ratio"):
		return fmt.Sprintf("%.3g %%", 100*v)
	}
	return fmt.Sprintf("%.5g", v)
}

func duration(s float64) string {
	switch size := math.Abs(s); {
	case size == 0:
		return "0 s"
	case size < 0.001:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case size < 1:
		return fmt.Sprintf("%.3g ms", s*1000)
	case size < 120:
		return fmt.Sprintf("%.3g s", s)
	}
	return fmt.Sprintf("%.3g min", s/60)
}

// Chance is a p-value with one digit.
func Chance(p float64) string {
	if p < 1e-15 {
		return "<1e-15"
	}
	return fmt.Sprintf("%.1g", p)
}

// Percent is an effect with its sign; from nothing it has no percents.
func Percent(effect float64) string {
	if math.IsInf(effect, 0) {
		return "from 0"
	}
	return fmt.Sprintf("%+.0f %%", 100*effect)
}

// Date is how a night is called.
func (n *Night) Date() string { return n.Started.UTC().Format("2006-01-02") }

// sparks are the heights of a course in text, and gap a night without a value.
const (
	sparks = "▁▂▃▄▅▆▇█"
	gap    = " "
	// shown is how many nights text has room for.
	shown = 30
)

// Spark is the course's last nights as little bars, with a mark before each change of level.
func (c *Course) Spark() string {
	from := max(len(c.Values)-shown, 0)
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range c.Values[from:] {
		if v != nil {
			low, high = min(low, *v), max(high, *v)
		}
	}
	bars := []rune(sparks)
	var out strings.Builder
	for i := from; i < len(c.Values); i++ {
		if c.Changed(i) {
			out.WriteString("|")
		}
		v := c.Values[i]
		switch {
		case v == nil:
			out.WriteString(gap)
		case high == low:
			out.WriteRune(bars[len(bars)/2])
		default:
			out.WriteRune(bars[int((*v-low)/(high-low)*float64(len(bars)-1)+0.5)])
		}
	}
	return out.String()
}

// Text writes the trend for people at a terminal.
func Text(w io.Writer, t *Trend) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\n\nNIGHT\tVERDICT\tRUNS\tNEW\n", t.Headline())
	for i := max(len(t.Nights)-shown, 0); i < len(t.Nights); i++ {
		n := &t.Nights[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", n.Date(), n.Verdict, n.RunsLine(), strings.Join(n.New, "; "))
	}
	if len(t.Changes) == 0 {
		fmt.Fprintf(tw, "\nNo figure has changed its level.\n")
	} else {
		fmt.Fprintf(tw, "\nSINCE\tWHAT\tFROM\tTO\tCHANGE\t\tP\tNEW THAT NIGHT\n")
	}
	for i := range t.Changes {
		c := &t.Changes[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Night.Date(), c.What(),
			Figure(c.Course.Metric, c.Before), Figure(c.Course.Metric, c.After), Percent(c.Effect), c.Direction, Chance(c.P), strings.Join(c.Since, "; "))
	}
	head := ""
	for i := range t.Courses {
		c := &t.Courses[i]
		if c.Metric == metrics.Verdict {
			continue
		}
		if here := c.Experiment + ", " + c.Engine; here != head {
			head = here
			fmt.Fprintf(tw, "\n%s\tMEDIAN\tQUARTILES\tLAST\tN\tNIGHTS\n", strings.ToUpper(head))
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\n", c.Name(), Figure(c.Metric, c.Median), c.Spread(), Figure(c.Metric, *c.Last()), c.N, c.Spark())
	}
	return tw.Flush()
}

// Headline says what the trend is of.
func (t *Trend) Headline() string {
	if len(t.Nights) == 0 {
		return "no nights"
	}
	worse := 0
	for i := range t.Changes {
		if t.Changes[i].Direction == Worse {
			worse++
		}
	}
	first, last := &t.Nights[0], &t.Nights[len(t.Nights)-1]
	return fmt.Sprintf("%s, %d figures, %d changes of level, %d for the worse", span(len(t.Nights), first, last), len(t.Courses), len(t.Changes), worse)
}

func span(n int, first, last *Night) string {
	if n == 1 {
		return "1 night, " + first.Date()
	}
	return fmt.Sprintf("%d nights from %s to %s", n, first.Date(), last.Date())
}

// RunsLine is what ran, and with which verdicts.
func (n *Night) RunsLine() string {
	var out []string
	for _, r := range n.Runs {
		out = append(out, fmt.Sprintf("%s/%s %s", r.Experiment, r.Engine, r.Verdict))
	}
	return strings.Join(out, ", ")
}

// What names what has changed.
func (c *Change) What() string {
	return c.Course.Experiment + " " + c.Course.Engine + ": " + c.Course.Name()
}

// Spread is the course's quartiles.
func (c *Course) Spread() string { return Figure(c.Metric, c.Low) + " – " + Figure(c.Metric, c.High) }
