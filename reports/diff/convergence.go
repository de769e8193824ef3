package diff

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Series is a figure of runs of the suite: a value per run.
type Series struct {
	Name   string
	Values []float64 // milliseconds; +Inf is beyond the deadline
}

// Convergence are the times of the cells that steps changed, and that of connections between pods
// without a policy, which no engine has a part in: Floor. A run without a value has none in it.
func Convergence(runs []*v1.Run) (times []Series, floor Series) {
	times = []Series{{Name: "convergence/p50"}, {Name: "convergence/p90"}, {Name: "convergence/p99"}}
	floor.Name = "floor/connect"
	for _, run := range runs {
		f := run.Figures()
		if f.ConvergenceN == 0 {
			continue
		}
		for i, v := range []*float64{f.ConvergenceP50, f.ConvergenceP90, f.ConvergenceP99} {
			times[i].Values = append(times[i].Values, orBeyond(v))
		}
		if s := run.Sentinel; s != nil && s.Floor.DelayP50 != nil {
			floor.Values = append(floor.Values, *s.Floor.DelayP50)
		}
	}
	return times, floor
}

func orBeyond(v *float64) float64 {
	if v == nil {
		return math.Inf(1)
	}
	return *v
}

// Played names the cases of a run that were judged, shortly: times of other cases are other times.
func Played(run *v1.Run) string {
	var names []string
	for i := range run.Cases {
		if o := run.Cases[i].Outcome; o == v1.Pass || o == v1.Fail {
			names = append(names, run.Cases[i].Name)
		}
	}
	slices.Sort(names)
	h := fnv.New32a()
	for _, n := range names {
		fmt.Fprintln(h, n)
	}
	return fmt.Sprintf("%d (%08x)", len(names), h.Sum32())
}
