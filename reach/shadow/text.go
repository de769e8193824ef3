package shadow

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table writes the plan for people, with what a run of it touches.
func (p *Plan) Table(w io.Writer, touches []string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PROBE POD\tSTANDS FOR\tPODS\tNODE\tLABELS\tCOPIES OF POLICIES")
	for i := range p.Pods {
		pod := &p.Pods[i]
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\t%d\n", pod.Key(), pod.Of, pod.Count, pod.Node, pod.labels(), p.policiesOf(pod.Namespace))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\nA run\n")
	for _, line := range touches {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n")
	for _, s := range p.Strata {
		if s.Pairs > 0 {
			most := AtMost(s.Pairs, s.Drawn, 0, Certainty)
			fmt.Fprintf(&b, "%s: %d of %d pairs are drawn; if none is wrong, at most %.3g %% of them are (%.3g %% certainty)\n", s.Verdict, s.Drawn, s.Pairs, 100*float64(most)/float64(s.Pairs), 100*Certainty)
		}
	}
	b.WriteString("\nnot asked about:\n")
	for _, g := range p.Gaps {
		fmt.Fprintf(&b, "  %s: %s\n", g.What, g.Why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Plan) policiesOf(namespace string) int {
	n := 0
	for _, policy := range p.Policies {
		if policy.Object.Namespace == namespace {
			n++
		}
	}
	return n
}

// labels lists them as kubectl does.
func (p *Pod) labels() string {
	var out []string
	for k, v := range p.Labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	if out == nil {
		return "<none>"
	}
	return strings.Join(out, ",")
}
