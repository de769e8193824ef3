package compare

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Text writes the comparison for people.
func (r *Result) Text(w io.Writer, base, head string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "netassay scale compare: %s\n\n", strings.ToUpper(string(r.Conclusion)))
	fmt.Fprintf(&b, "base  %s\nhead  %s\n\n", base, head)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "engine\tmetric\tbase\thead\tchange\t95 % interval\tp\tdelta\tn\tverdict")
	judged := 0
	for i := range r.Rows {
		row := &r.Rows[i]
		if !row.control() {
			judged++
		}
		base, head, change, interval, p := row.Words()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%+.2f\t%s\t%s\n", row.Engine, row.Name, base, head, change, interval, p, row.Delta, repeats(row.N), row.word())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("\n")
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "%s\n", reason)
	}
	fmt.Fprintf(&b, "Medians of repeats. Mann-Whitney, corrected for %d metrics, alpha %g; a change counts from %s.\n",
		judged, r.Options.Alpha, percent(1+r.Options.MinEffect))
	b.WriteString("\"same\" is that no change was shown; the interval says how large one could be.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Words are the row's numbers for people: both medians, the change, its interval, and p.
func (r *Row) Words() (base, head, change, interval, p string) {
	return value(r.Base, r.Unit), value(r.Head, r.Unit), percent(r.Ratio.Value),
		percent(r.Ratio.Lo) + " to " + percent(r.Ratio.Hi), pValue(r.P)
}

func (r *Row) word() string {
	if r.control() {
		return "control " + string(r.Change)
	}
	return string(r.Change)
}

func repeats(n [2]int) string {
	if n[0] == n[1] {
		return fmt.Sprint(n[0])
	}
	return fmt.Sprintf("%d+%d", n[0], n[1])
}

func value(v float64, unit string) string {
	if math.IsInf(v, 1) {
		return "> deadline"
	}
	return v1.Quantity(v, unit)
}

// percent is a ratio as a change: 1.2 is +20.0 %.
func percent(ratio float64) string {
	if math.IsInf(ratio, 1) {
		return "∞"
	}
	return fmt.Sprintf("%+.1f %%", 100*(ratio-1))
}

func pValue(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fmt.Sprintf("%.4f", p)
}
