package migrate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table writes the report for people: the findings, one a line, and then of each rule once what
// both engines do, who says so, and what to write instead.
func (r *Report) Table(w io.Writer) error {
	t := &text{w: w}
	t.line("%s → %s: %s, %s", r.From, r.To, plural(r.Policies, "NetworkPolicy object"), r.count())
	if len(r.Findings) == 0 {
		return t.err
	}
	t.line("")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SEVERITY\tOBJECT\tFIELD\tREASON")
	for _, f := range r.Findings {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", f.Severity, f.Object, f.Field, f.Reason)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	told := map[string]bool{}
	for _, f := range r.Findings {
		if !told[f.Rule] {
			told[f.Rule] = true
			t.rule(&f, r)
		}
	}
	return t.err
}

// count says how many findings there are of each severity.
func (r *Report) count() string {
	if len(r.Findings) == 0 {
		return "which mean the same to both as far as the rules know"
	}
	var parts []string
	for _, s := range severities() {
		parts = append(parts, fmt.Sprintf("%s %d", s, r.Count(s)))
	}
	return strings.Join(parts, ", ")
}

// text writes lines and keeps the first error.
type text struct {
	w   io.Writer
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

// rule tells what is the same of all findings of a rule.
func (t *text) rule(f *Finding, r *Report) {
	width := max(len(r.From), len(r.To), len("instead"))
	var n int
	for _, other := range r.Findings {
		if other.Rule == f.Rule {
			n++
		}
	}
	t.line("")
	t.line("%s %s (%s)", f.Severity, f.Rule, plural(n, "place"))
	for _, s := range []Side{f.From, f.To} {
		t.line("  %-*s  %s", width, s.Engine, s.Does)
		t.line("  %-*s  %s", width, "", s.Source)
	}
	t.line("  %-*s  %s", width, "instead", cmp.Or(f.Instead, "nothing that can be written in a NetworkPolicy"))
	t.line("  %-*s  netassay conformance --case %s", width, "see it", strings.Join(slices.Sorted(slices.Values(f.Cases)), ","))
}
