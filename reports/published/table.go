package published

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Table writes the page on which reports stand beside each other, as Markdown. dir is how the page
// links to the files.
func Table(w io.Writer, reports []*Report, dir string) error {
	all := slices.Clone(reports)
	Sort(all)
	var b strings.Builder
	b.WriteString("# What engines did\n\n" +
		"Made by `netassay report table` from the files in [reports/published](../reports/published), and from nothing else. " +
		"Each has its commands to reproduce it. What was found in single engines, and why, is in [peers.md](peers.md).\n\n")
	who(&b, all, dir)
	suite(&b, all)
	features(&b, all)
	failed(&b, all)
	scale(&b, all)
	reproduce(&b, all)
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// head is a table's head: a column for what, and one for each report.
func head(b *strings.Builder, what string, all []*Report) {
	fmt.Fprintf(b, "| %s |", what)
	for _, r := range all {
		fmt.Fprintf(b, " %s, %s |", r.name(), r.Mode)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(all)) + "\n")
}

func (r *Report) name() string { return cell(r.Implementation.Engine + " " + r.Implementation.Version) }

// row is a table's row.
func row(b *strings.Builder, what string, all []*Report, value func(*Report) string) {
	fmt.Fprintf(b, "| %s |", what)
	for _, r := range all {
		fmt.Fprintf(b, " %s |", cmp.Or(value(r), "–"))
	}
	b.WriteString("\n")
}

func cell(text string) string {
	return strings.NewReplacer("|", "¦", "\n", " ", "<", "&lt;").Replace(text)
}

func who(b *strings.Builder, all []*Report, dir string) {
	b.WriteString("| engine | version | place | report | conformance | scale |\n|---|---|---|---|---|---|\n")
	for _, r := range all {
		i := r.Implementation
		c, s := "–", "–"
		if r.Conformance != nil {
			c = string(r.Conformance.Result)
		}
		if r.Scale != nil {
			s = "measured"
		}
		fmt.Fprintf(b, "| [%s](%s) | %s | %s | [%s](%s/%s) | %s | %s |\n", cell(i.Engine), i.URL, cell(i.Version), r.Mode, r.File(), dir, r.File(), c, s)
	}
	b.WriteString("\n")
}

// with are the reports that have a profile.
func with(all []*Report, has func(*Report) bool) []*Report {
	return slices.DeleteFunc(slices.Clone(all), func(r *Report) bool { return !has(r) })
}

func suite(b *strings.Builder, all []*Report) {
	all = with(all, func(r *Report) bool { return r.Conformance != nil })
	if len(all) == 0 {
		return
	}
	b.WriteString("## Conformance\n\n")
	head(b, "", all)
	number := func(what string, of func(*Statistics) int) {
		row(b, what, all, func(r *Report) string { return fmt.Sprint(of(&r.Conformance.Statistics)) })
	}
	row(b, "result", all, func(r *Report) string { return string(r.Conformance.Result) })
	row(b, "date", all, func(r *Report) string { return r.Conformance.Date.UTC().Format("2006-01-02") })
	row(b, "families", all, func(r *Report) string { return strings.Join(r.Conformance.Families, ", ") })
	row(b, "cases played, of", all, func(r *Report) string {
		return fmt.Sprintf("%d, %d", r.Conformance.Statistics.Cases, r.Conformance.Statistics.Of)
	})
	number("passed", func(s *Statistics) int { return s.Passed })
	number("failed", func(s *Statistics) int { return s.Failed })
	number("not supported", func(s *Statistics) int { return s.NotSupported })
	number("inconclusive", func(s *Statistics) int { return s.Inconclusive })
	number("cells", func(s *Statistics) int { return s.Cells })
	number("leaks", func(s *Statistics) int { return s.Leaks })
	number("outages", func(s *Statistics) int { return s.Outages })
	row(b, "sentinels held", all, func(r *Report) string {
		if r.Conformance.Statistics.Sentinels {
			return "yes"
		}
		return "no"
	})
	row(b, "convergence p50, p99 (ms)", all, func(r *Report) string {
		s := r.Conformance.Statistics
		return fmt.Sprintf("%s, %s", ms(s.ConvergenceP50, 0), ms(s.ConvergenceP99, 0))
	})
	b.WriteString("\nA time counts from the answer of the API server, over the cells that a step changed; it says as much about the machine as about the engine.\n\n")
}

func features(b *strings.Builder, all []*Report) {
	all = with(all, func(r *Report) bool { return r.Conformance != nil })
	names := map[string]bool{}
	for _, r := range all {
		for f := range r.Conformance.byFeature() {
			names[f] = true
		}
	}
	if len(names) == 0 {
		return
	}
	b.WriteString("## Features\n\n")
	head(b, "feature", all)
	for _, f := range slices.Sorted(maps.Keys(names)) {
		row(b, f, all, func(r *Report) string { return r.Conformance.byFeature()[f] })
	}
	b.WriteString("\n*yes*: all cases that need it and were judged passed. *no*: the engine says that it lacks it. *failed n of m*: of the cases that need it; the fault may be another feature's.\n\n")
}

// byFeature is what became of each feature, in a word or two.
func (c *Conformance) byFeature() map[string]string {
	out := map[string]string{}
	for _, f := range c.Supported {
		out[f] = "yes"
	}
	for _, f := range c.Unsupported {
		out[f] = "no"
	}
	for _, f := range c.Undecided {
		out[f] = "?"
	}
	for _, f := range c.Failed {
		out[f.Feature] = fmt.Sprintf("failed %d of %d", f.Failed, f.Failed+f.Passed)
	}
	return out
}

func failed(b *strings.Builder, all []*Report) {
	some := with(all, func(r *Report) bool { return r.Conformance != nil && len(r.Conformance.FailedCases) > 0 })
	if len(some) == 0 {
		return
	}
	b.WriteString("## Failed cases\n\n")
	for _, r := range some {
		fmt.Fprintf(b, "**%s, %s**: %s.\n\n", r.name(), r.Mode, "`"+strings.Join(r.Conformance.FailedCases, "`, `")+"`")
	}
}

func scale(b *strings.Builder, all []*Report) {
	all = with(all, func(r *Report) bool { return r.Scale != nil })
	loads := map[string][]*Report{}
	for _, r := range all {
		loads[r.Scale.Load] = append(loads[r.Scale.Load], r)
	}
	for _, load := range slices.Sorted(maps.Keys(loads)) {
		fmt.Fprintf(b, "## Scale: `%s`\n\n", cell(load))
		scaleTable(b, loads[load])
	}
}

func scaleTable(b *strings.Builder, all []*Report) {
	head(b, "p50 / p99 / max (ms)", all)
	var names, rows []string
	for _, r := range all {
		for _, t := range r.Scale.Transitions {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
		for _, m := range r.Scale.Memory {
			if !slices.Contains(rows, m.Name) {
				rows = append(rows, m.Name)
			}
		}
	}
	for _, name := range names {
		row(b, name, all, func(r *Report) string { return r.Scale.times(name) })
	}
	for _, name := range names {
		if slices.ContainsFunc(all, func(r *Report) bool { return r.Scale.leaked(name) > 0 }) {
			row(b, "leaked packets: "+name, all, func(r *Report) string { return fmt.Sprint(r.Scale.leaked(name)) })
		}
	}
	for _, name := range rows {
		row(b, name+": empty, loaded, after delete; most", all, func(r *Report) string { return r.Scale.memory(name) })
	}
	b.WriteString("\nMilliseconds from the answer of the API server until the slowest pair is right. Of `new-pod`, `beside` and `restart` it is how long what leaked or was lost stands for ([scale](scale.md)).\n\n")
}

func (s *Scale) times(name string) string {
	i := slices.IndexFunc(s.Transitions, func(t Transition) bool { return t.Name == name })
	if i < 0 || s.Transitions[i].N == 0 {
		return ""
	}
	t := s.Transitions[i]
	return fmt.Sprintf("%s / %s / %s (n=%d)", ms(t.P50, s.DeadlineMs), ms(t.P99, s.DeadlineMs), ms(t.Max, s.DeadlineMs), t.N)
}

func (s *Scale) leaked(name string) uint64 {
	i := slices.IndexFunc(s.Transitions, func(t Transition) bool { return t.Name == name })
	if i < 0 {
		return 0
	}
	return s.Transitions[i].Leaked
}

func (s *Scale) memory(name string) string {
	i := slices.IndexFunc(s.Memory, func(m Memory) bool { return m.Name == name })
	if i < 0 {
		return ""
	}
	m := s.Memory[i]
	return fmt.Sprintf("%s, %s, %s; %s", size(m.Empty), size(m.Loaded), size(m.Deleted), size(m.Highest))
}

func size(v *float64) string {
	if v == nil {
		return "–"
	}
	return v1.Quantity(*v, v1.UnitBytes)
}

// ms is a time; none is beyond the deadline, when there is one.
func ms(v *float64, deadline float64) string {
	switch {
	case v != nil:
		return fmt.Sprintf("%.1f", *v)
	case deadline > 0:
		return fmt.Sprintf("> %g", deadline)
	}
	return "–"
}

func reproduce(b *strings.Builder, all []*Report) {
	b.WriteString("## Reproduce\n\n")
	for _, r := range all {
		for _, p := range []struct {
			name string
			run  *Run
		}{{"conformance", r.conformanceRun()}, {"scale", r.scaleRun()}} {
			if p.run == nil {
				continue
			}
			fmt.Fprintf(b, "**%s, %s, %s** by netassay %s, %s, %.0f s; Kubernetes %s, Linux %s. %s", r.name(), r.Mode, p.name, cell(p.run.Netassay),
				p.run.Date.UTC().Format("2006-01-02 15:04 UTC"), p.run.Seconds, cell(p.run.Kubernetes), cell(p.run.Kernel), cell(p.run.Under))
			if p.run.CI != "" {
				fmt.Fprintf(b, " [CI](%s)", p.run.CI)
			}
			fmt.Fprintf(b, "\n\n```\n%s\n```\n\n", strings.Join(p.run.Reproduce, "\n"))
		}
	}
}

func (r *Report) conformanceRun() *Run {
	if r.Conformance == nil {
		return nil
	}
	return &r.Conformance.Run
}

func (r *Report) scaleRun() *Run {
	if r.Scale == nil {
		return nil
	}
	return &r.Scale.Run
}
