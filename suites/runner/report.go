package runner

import (
	"fmt"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// described is a case that has no steps to show.
func described(c cases.Case, outcome v1.Outcome, reason string) v1.Case {
	return v1.Case{Name: c.Name, Title: c.Title, Spec: c.Spec, Features: c.FeatureNames(), Outcome: outcome, Reason: reason}
}

// concluded is the outcome of a case with these steps, and the reason of the step that
// made it so. A defect of the case outweighs all, or a failure would be blamed on an engine.
func concluded(steps []v1.Step) (v1.Outcome, string) {
	for _, o := range []v1.Outcome{v1.Error, v1.Fail, v1.Unfinished, v1.Inconclusive} {
		for i := range steps {
			if steps[i].Outcome == o {
				return o, fmt.Sprintf("step %q: %s", steps[i].Name, steps[i].Reason)
			}
		}
	}
	return v1.Pass, ""
}

func asMillis(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	ms := millis(*d)
	return &ms
}

// summed is the outcome of a step with these cells: failed when one failed, else
// inconclusive when one is.
func summed(cells []v1.Cell) (v1.Outcome, string) {
	n := map[v1.Outcome]int{}
	first := map[v1.Outcome]*v1.Cell{}
	for i := range cells {
		c := &cells[i]
		n[c.Outcome]++
		if first[c.Outcome] == nil {
			first[c.Outcome] = c
		}
	}
	for _, o := range []v1.Outcome{v1.Fail, v1.Inconclusive} {
		if c := first[o]; c != nil {
			return o, fmt.Sprintf("%d of %d cells, first %s -> %s %s %s by %s: %s",
				n[o], len(cells), c.Client, c.Server, c.Probe(), c.Family, c.Path, c.Reason)
		}
	}
	if n[v1.Pass] == 0 {
		return v1.Inconclusive, "no cell was judged"
	}
	return v1.Pass, ""
}

func (t Timing) report() v1.Timing {
	return v1.Timing{
		Timeout: millis(t.Timeout), Silence: millis(t.Silence), Hold: millis(t.Hold), Deadline: millis(t.Deadline),
		RoundEvery: millis(t.RoundEvery), FastEvery: millis(t.FastEvery),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
