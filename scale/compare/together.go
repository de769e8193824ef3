package compare

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Together is the name of the sum over an engine's transitions.
const Together = "all-transitions/p50"

// together adds, for each engine of two or more transitions, one more metric: per repeat,
// the geometric mean of the transitions' medians, each first divided by base's own. It has
// no unit and is no latency. A slowdown of everything shows in it before it shows in any
// single transition, for their noise is divided among them.
func together(pairs [][2]*Metric) [][2]*Metric {
	var engines []string
	of := map[string][][2]*Metric{}
	for _, p := range pairs {
		if !p[0].latency() {
			continue
		}
		if _, seen := of[p[0].Engine]; !seen {
			engines = append(engines, p[0].Engine)
		}
		of[p[0].Engine] = append(of[p[0].Engine], p)
	}
	var out [][2]*Metric
	for _, engine := range engines {
		if base, head := geomeans(of[engine]); base != nil && head != nil {
			out = append(out, [2]*Metric{
				{Engine: engine, Name: Together, Unit: "×base", Values: base},
				{Engine: engine, Name: Together, Unit: "×base", Values: head},
			})
		}
	}
	return out
}

// geomeans are nil when there is nothing to sum, or a value has no logarithm: negative
// convergence is possible, before the API server answers.
func geomeans(pairs [][2]*Metric) (base, head []float64) {
	if len(pairs) < 2 {
		return nil, nil
	}
	scales := make([]float64, len(pairs))
	for i, p := range pairs {
		scales[i] = geomean(p[0].Values)
	}
	side := func(side int) []float64 {
		n := len(pairs[0][side].Values)
		for _, p := range pairs {
			n = min(n, len(p[side].Values))
		}
		out := make([]float64, n)
		for r := range out {
			values := make([]float64, len(pairs))
			for i, p := range pairs {
				values[i] = p[side].Values[r] / scales[i]
			}
			out[r] = geomean(values)
			if math.IsNaN(out[r]) {
				return nil
			}
		}
		return out
	}
	return side(0), side(1)
}

// geomean is NaN when a value is not above 0.
func geomean(values []float64) float64 {
	if slices.Min(values) <= 0 {
		return math.NaN()
	}
	return stat.GeometricMean(values, nil)
}
