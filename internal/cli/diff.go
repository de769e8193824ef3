package cli

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/diff"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
	"github.com/netassay/netassay/scale/summary"
)

func newDiff(stdio IO) *cobra.Command {
	o := compare.DefaultOptions()
	output := "text"
	c := &cobra.Command{
		Use:   "diff BASE HEAD",
		Short: "Say what got worse, and what better, between two results",
		Long: `Compares two result directories of one experiment: two runs of one engine, or the same run of
two engines. Cases and cells that passed and now fail are worse. Times and costs are judged as
netassay scale compare does: that takes ten repeats of each side, so BASE and HEAD may also be
directories of result directories, which repeat each other. With fewer they are told and not judged.

Markdown is for a comment on a pull request: it begins with a hidden line by which a program
finds the comment to edit, and is bounded.

Exit code 0: nothing got worse. 1: something did. 2: the two can't be compared.`,
		Example: `  netassay diff results/main results/branch
  netassay diff results/reference results/kube-router -o html > diff.html
  netassay diff results/main results/branch -o markdown > comment.md`,
		Args: twoResults,
		RunE: func(_ *cobra.Command, args []string) error {
			return runDiff(stdio, args[0], args[1], output, o)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "text, markdown, html or json")
	compareFlags(c.Flags(), &o)
	return c
}

func runDiff(stdio IO, base, head, output string, o compare.Options) error {
	writers := map[string]func(*diff.Report) error{
		"text":     func(r *diff.Report) error { return r.Text(stdio.Out) },
		"markdown": func(r *diff.Report) error { return r.Markdown(stdio.Out) },
		"html":     func(r *diff.Report) error { return r.HTML(stdio.Out) },
		"json":     func(r *diff.Report) error { return render.JSON(stdio.Out, r) },
	}
	write, ok := writers[output]
	if !ok {
		return suggest.Unknown("output format", output, slices.Sorted(maps.Keys(writers)))
	}
	if err := checkCompare(o); err != nil {
		return err
	}
	b, err := readSide(stdio.Err, base)
	if err != nil {
		return err
	}
	h, err := readSide(stdio.Err, head)
	if err != nil {
		return err
	}
	r, err := differ(b, h, o)
	if err != nil {
		return err
	}
	r.Notes = slices.Concat(b.leftOut(), h.leftOut(), r.Notes)
	if err := write(r); err != nil {
		return fmt.Errorf("write difference: %w", err)
	}
	return withCode(map[diff.Change]int{diff.Worse: exitFail, diff.Unsure: exitBroken}[r.Conclusion])
}

// side is what there is at one of the paths.
type side struct {
	path       string
	experiment string
	found      []*reports.Salvaged
}

// leftOut are notes of what could not be read.
func (s *side) leftOut() (notes []string) {
	for _, found := range s.found {
		for _, t := range found.Troubles {
			notes = append(notes, "left out: "+t.String())
		}
	}
	return notes
}

func readSide(progress io.Writer, path string) (*side, error) {
	dirs, err := reports.Directories(path)
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%s has no %s, nor a directory that has: give a result directory, such as one below results", path, reports.RecordsFile)
	}
	s := &side{path: path}
	for _, dir := range dirs {
		tellLarge(progress, "reading", dir)
		found, err := reports.Salvage(dir)
		if err != nil {
			return nil, err
		}
		if found.Run == nil {
			return nil, fmt.Errorf("%s holds no record that can be read: see netassay report validate %s", dir, dir)
		}
		if s.experiment != "" && s.experiment != found.Experiment() {
			return nil, fmt.Errorf("%s has runs of %s and of %s: one side holds runs of one kind", path, s.experiment, found.Experiment())
		}
		s.experiment = found.Experiment()
		s.found = append(s.found, found)
	}
	return s, nil
}

// only is the one run of a side that can't have repeats.
func only[T v1.Experiment](s *side) (run T, err error) {
	if len(s.found) != 1 {
		return run, fmt.Errorf("%s has %d runs of %s: give one result directory", s.path, len(s.found), s.experiment)
	}
	return s.found[0].Run.(T), nil
}

func differ(base, head *side, o compare.Options) (*diff.Report, error) {
	if base.experiment != head.experiment {
		return nil, fmt.Errorf("%s is of %s and %s of %s: give two results of one experiment", base.path, base.experiment, head.path, head.experiment)
	}
	switch base.experiment {
	case "conformance":
		return differConformance(base, head, o), nil
	case "scale":
		return differScale(base, head, o)
	case "aks-check":
		return differOnly(base, head, diff.Check)
	case "chaos":
		return differOnly(base, head, diff.Chaos)
	default:
		return nil, fmt.Errorf("runs of %s can't be compared: each draws cases of its own; play what it found as cases, by netassay conformance --cases", base.experiment)
	}
}

func differOnly[T v1.Experiment](base, head *side, compare func(base, head string, b, h T) *diff.Report) (*diff.Report, error) {
	b, err := only[T](base)
	if err != nil {
		return nil, err
	}
	h, err := only[T](head)
	if err != nil {
		return nil, err
	}
	r := compare(base.path, head.path, b, h)
	r.Base.Verdict, r.Head.Verdict = base.found[0].Verdict, head.found[0].Verdict
	return r, nil
}

func differConformance(base, head *side, o compare.Options) *diff.Report {
	b, h := suiteRuns(base), suiteRuns(head)
	r := diff.Conformance(base.path, head.path, b, h)
	engine := b[0].Engine
	if other := h[0].Engine; other != engine {
		engine += " → " + other
	}
	result := compare.Compare(suiteSide(engine, b), suiteSide(engine, h), o)
	addFigures(r, &result, false)
	return r
}

func suiteRuns(s *side) []*v1.Run {
	var out []*v1.Run
	for _, found := range s.found {
		out = append(out, found.Run.(*v1.Run))
	}
	return out
}

// suiteSide is the convergence of runs of the suite as one side of a comparison.
func suiteSide(engine string, runs []*v1.Run) compare.Side {
	s := compare.Side{Conditions: runs[0].Conditions()}
	s.Conditions["cases"] = diff.Played(runs[0])
	for _, run := range runs {
		s.Starts = append(s.Starts, run.Started)
	}
	times, floor := diff.Convergence(runs)
	for _, series := range append([]diff.Series{floor}, times...) {
		if len(series.Values) > 0 {
			s.Metrics = append(s.Metrics, compare.Metric{Engine: engine, Name: series.Name, Unit: compare.Millis, Values: series.Values})
		}
	}
	return s
}

func differScale(baseSide, headSide *side, o compare.Options) (*diff.Report, error) {
	base, err := reports.JoinScale(baseSide.path, baseSide.found)
	if err != nil {
		return nil, err
	}
	head, err := reports.JoinScale(headSide.path, headSide.found)
	if err != nil {
		return nil, err
	}
	both := sharedEngines(base, head)
	b, h := summary.Of(base), summary.Of(head)
	var names []string
	var bases, heads []v1.EngineSummary
	baseFigures, headFigures := summary.Side(base), summary.Side(head)
	var pair [2][]compare.Metric
	for _, e := range both {
		name := e[0]
		if e[0] != e[1] {
			name += " → " + e[1]
		}
		names = append(names, name)
		bases, heads = append(bases, engineOf(&b, e[0])), append(heads, engineOf(&h, e[1]))
		pair[0] = append(pair[0], renamed(baseFigures.Metrics, e[0], name)...)
		pair[1] = append(pair[1], renamed(headFigures.Metrics, e[1], name)...)
	}
	r := diff.Scale(scaleSideOf(baseSide.path, base, &b), scaleSideOf(headSide.path, head, &h), [2]map[string]string{baseFigures.Conditions, headFigures.Conditions}, names, bases, heads)
	baseFigures.Metrics, headFigures.Metrics = pair[0], pair[1]
	result := compare.Compare(baseFigures, headFigures, o)
	addFigures(r, &result, true)
	return r, nil
}

// sharedEngines are those that both sides measured, or the only one of each.
func sharedEngines(base, head *v1.ScaleData) [][2]string {
	if len(base.Run.Engines) == 1 && len(head.Run.Engines) == 1 {
		return [][2]string{{base.Run.Engines[0].Name, head.Run.Engines[0].Name}}
	}
	var out [][2]string
	for _, b := range base.Run.Engines {
		if slices.ContainsFunc(head.Run.Engines, func(h v1.Engine) bool { return h.Name == b.Name }) {
			out = append(out, [2]string{b.Name, b.Name})
		}
	}
	return out
}

func engineOf(s *v1.ScaleSummary, name string) v1.EngineSummary {
	return s.Engines[slices.IndexFunc(s.Engines, func(e v1.EngineSummary) bool { return e.Engine == name })]
}

// renamed are the metrics of an engine under another name.
func renamed(all []compare.Metric, engine, name string) (out []compare.Metric) {
	for _, m := range all {
		if m.Engine == engine {
			m.Engine = name
			out = append(out, m)
		}
	}
	return out
}

func scaleSideOf(path string, d *v1.ScaleData, s *v1.ScaleSummary) diff.Side {
	out := diff.Side{Name: path, Verdict: s.Verdict, Version: d.Run.Tool}
	for i, e := range s.Engines {
		if i > 0 {
			out.Engine += ", "
		}
		out.Engine += e.Engine
		out.Runs = max(out.Runs, e.Repeats)
	}
	if len(s.Engines) == 1 && s.Engines[0].Version != "" {
		out.Version = s.Engines[0].Version
	}
	return out
}

// addFigures gives the report what the statistics say.
func addFigures(r *diff.Report, result *compare.Result, alone bool) {
	changes := map[compare.Change]diff.Change{compare.Same: diff.Same, compare.Better: diff.Better, compare.Worse: diff.Worse}
	var figures []diff.Figure
	for i := range result.Rows {
		row := &result.Rows[i]
		f := diff.Figure{
			Engine: row.Engine, Name: row.Name, Unit: row.Unit, N: row.N, Base: finite(row.Base), Head: finite(row.Head),
			Ratio: finite(row.Ratio.Value), Lo: finite(row.Ratio.Lo), Hi: finite(row.Ratio.Hi), P: row.P, Change: changes[row.Change],
		}
		f.Told.Base, f.Told.Head, f.Told.Change, f.Told.Interval, f.Told.P = row.Words()
		figures = append(figures, f)
	}
	var void []string
	if result.Conclusion == compare.Void {
		void = result.Reasons
	}
	r.AddFigures(figures, void, alone)
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}
