package mutate

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes the kill matrix for people: what became of the mistakes of each kind and of each
// policy, and then each that nobody notices, with a line that would.
func (m *Matrix) Table(w io.Writer) error {
	var kinds, policies []string
	for _, k := range Kinds() {
		kinds = append(kinds, string(k))
	}
	seen := map[string]bool{}
	for _, j := range m.Mistakes {
		if !seen[j.Policy] {
			seen[j.Policy] = true
			policies = append(policies, j.Policy)
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	m.rows(tw, "MISTAKE", kinds, func(j *Judged) string { return string(j.Kind) })
	fmt.Fprintln(tw, "\t\t\t\t")
	m.rows(tw, "POLICY", policies, func(j *Judged) string { return j.Policy })
	if err := tw.Flush(); err != nil {
		return err
	}
	return m.unnoticed(w)
}

// rows writes a row of counts for each name that some mistake has.
func (m *Matrix) rows(w io.Writer, title string, names []string, of func(j *Judged) string) {
	fmt.Fprintf(w, "%s\tMADE\tNOTICED\tUNNOTICED\tSAME\n", title)
	for _, name := range names {
		part := Matrix{}
		for i := range m.Mistakes {
			if of(&m.Mistakes[i]) == name {
				part.Mistakes = append(part.Mistakes, m.Mistakes[i])
			}
		}
		if len(part.Mistakes) > 0 {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", name, len(part.Mistakes), part.Count(Noticed), part.Count(Unnoticed), part.Count(Same))
		}
	}
}

func (m *Matrix) unnoticed(w io.Writer) error {
	n := m.Count(Unnoticed)
	if _, err := fmt.Fprintf(w, "\nnoticed: %d of %d mistakes that change a flow; %d more change none\n", m.Count(Noticed), m.Count(Noticed)+n, m.Count(Same)); err != nil || n == 0 {
		return err
	}
	fmt.Fprintf(w, "\nnot noticed, each with a line that would notice it:\n")
	for _, j := range m.Mistakes {
		if j.Outcome != Unnoticed {
			continue
		}
		where := j.Policy
		if j.Field != "" {
			where += " " + j.Field
		}
		if _, err := fmt.Fprintf(w, "  %s: %s (%s)\n    %s\n", where, j.Detail, j.Kind, j.Example.Line()); err != nil {
			return err
		}
	}
	return nil
}
