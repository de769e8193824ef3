package summary

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// Sized is a run of one load at some multiple of its size.
type Sized struct {
	Name    string  // of the run, for errors
	Pods    float64 // what the size is told by: all else of the load grows with it
	Summary *v1.ScaleSummary
}

// Grow fits a power law to what runs of several sizes cost: the medians of changes, and the
// readings of the loaded engine. Void figures are left out.
func Grow(runs []Sized) (sizes []float64, out []v1.Grown, err error) {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Sized) int { return cmp.Compare(a.Pods, b.Pods) })
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
		fitGrowth(&out[i], sizes)
	}
	return sizes, out, nil
}

// costsOf enters an engine's figures at one of n sizes.
func costsOf(e *v1.EngineSummary, at, n int, out []v1.Grown) []v1.Grown {
	enter := func(name, unit string, v *float64) {
		i := slices.IndexFunc(out, func(g v1.Grown) bool { return g.Engine == e.Engine && g.Name == name })
		if i < 0 {
			i = len(out)
			out = append(out, v1.Grown{Engine: e.Engine, Name: name, Unit: unit, Values: make([]*float64, n)})
		}
		out[i].Values[at] = v
	}
	for _, t := range e.Transitions {
		if t.N > 0 {
			enter(t.Transition+" p50", "ms", t.P50.Value)
		}
	}
	loaded := slices.Index(v1.Phases(), v1.PhaseLoaded)
	for _, row := range e.Memory {
		if loaded < len(row.Phases) && row.Phases[loaded] != nil {
			enter(row.Name, row.Unit, row.Phases[loaded])
		}
	}
	return out
}

func fitGrowth(g *v1.Grown, sizes []float64) {
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
	fit.Name, fit.In = g.Name, "pod"
	g.Growth = &fit
}
