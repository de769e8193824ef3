package scale

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/netassay/netassay/scale/stats"
)

// Sized is a run of one load at some multiple of its size.
type Sized struct {
	Name    string  // of the run, for errors
	Pods    float64 // what the size is told by: all else of the load grows with it
	Summary *Summary
}

// Grown is how one figure of an engine grows with the size of the load.
type Grown struct {
	Engine string
	Name   string
	Unit   string
	Values []*float64 // by size, nil where a run has none
	Growth *stats.Growth
	Why    string // there is no Growth
}

// Grow fits a power law to what runs of several sizes cost: the medians of changes, and the
// readings of the loaded engine. Void figures are left out.
func Grow(runs []Sized) (sizes []float64, out []Grown, err error) {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Sized) int {
		switch {
		case a.Pods < b.Pods:
			return -1
		case a.Pods > b.Pods:
			return 1
		}
		return 0
	})
	for i, r := range runs {
		if i > 0 && r.Pods == sizes[i-1] {
			return nil, nil, fmt.Errorf("%s and %s are of the same size, %g pods: give one run of each size", runs[i-1].Name, r.Name, r.Pods)
		}
		sizes = append(sizes, r.Pods)
	}
	if len(runs) < stats.MinSizes {
		return nil, nil, fmt.Errorf("%d sizes: give at least %d, any curve goes through fewer", len(runs), stats.MinSizes)
	}
	for i := range runs {
		for j := range runs[i].Summary.Engines {
			out = costsOf(&runs[i].Summary.Engines[j], i, len(runs), out)
		}
	}
	if len(out) == 0 {
		return nil, nil, errors.New("no run has a figure that counts")
	}
	for i := range out {
		out[i].fit(sizes)
	}
	return sizes, out, nil
}

// costsOf enters an engine's figures at one of n sizes.
func costsOf(e *EngineSummary, at, n int, out []Grown) []Grown {
	enter := func(name, unit string, v *float64) {
		i := slices.IndexFunc(out, func(g Grown) bool { return g.Engine == e.Engine && g.Name == name })
		if i < 0 {
			i = len(out)
			out = append(out, Grown{Engine: e.Engine, Name: name, Unit: unit, Values: make([]*float64, n)})
		}
		out[i].Values[at] = v
	}
	for _, t := range e.Transitions {
		if t.N > 0 {
			enter(t.Transition+" p50", "ms", t.P50.Value)
		}
	}
	loaded := slices.Index(Phases(), Loaded)
	for _, row := range e.Memory {
		if loaded < len(row.Phases) && row.Phases[loaded] != nil {
			enter(row.Name, row.Unit, row.Phases[loaded])
		}
	}
	return out
}

func (g *Grown) fit(sizes []float64) {
	var x, y []float64
	for i, v := range g.Values {
		if v != nil {
			x, y = append(x, sizes[i]), append(y, *v)
		}
	}
	fit, err := stats.Exponent(x, y)
	if err != nil {
		g.Why = err.Error()
		return
	}
	g.Growth = &fit
}

// GrowthText writes the table: a line per figure, its values by size, and the exponent.
func GrowthText(w io.Writer, sizes []float64, all []Grown) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"engine", "cost"}
	for _, s := range sizes {
		head = append(head, fmt.Sprintf("%g pods", s))
	}
	fmt.Fprintln(t, strings.Join(append(head, "exponent", "95 % interval"), "\t"))
	for i := range all {
		g := &all[i]
		row := []string{g.Engine, g.Name}
		for _, v := range g.Values {
			row = append(row, optional(v, g.Unit))
		}
		if g.Growth == nil {
			row = append(row, "-", g.Why)
		} else {
			row = append(row, fmt.Sprintf("%.2f", g.Growth.Exponent), fmt.Sprintf("%.2f to %.2f", g.Growth.Lo, g.Growth.Hi))
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
