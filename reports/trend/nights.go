package trend

import (
	"cmp"
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
)

// heads are the nights with what was new on each.
func heads(nights []v1.Night) []Night {
	out := make([]Night, len(nights))
	last := map[run]*v1.NightRun{}
	for i := range nights {
		n := &nights[i]
		out[i] = Night{ID: n.ID, Started: n.Started, Tool: n.Tool, Verdict: n.Verdict(), Runs: n.Runs}
		if i > 0 {
			out[i].New = news(&nights[i-1].NightConditions, &n.NightConditions)
		}
		for j := range n.Runs {
			r := &n.Runs[j]
			key := run{r.Experiment, r.Engine}
			if before := last[key]; before != nil {
				out[i].New = append(out[i].New, runNews(before, r)...)
			}
			last[key] = r
		}
		out[i].New = unique(out[i].New)
	}
	return out
}

// news is what a night's conditions have that those before had not.
func news(before, now *v1.NightConditions) (out []string) {
	out = append(out, differs("netassay", before.Tool, now.Tool)...)
	out = append(out, differs("kernel", before.Kernel, now.Kernel)...)
	out = append(out, differs("processors", fmt.Sprint(before.CPUs), fmt.Sprint(now.CPUs))...)
	return append(out, differs("memory", v1.Quantity(float64(before.Memory), v1.UnitBytes), v1.Quantity(float64(now.Memory), v1.UnitBytes))...)
}

func runNews(before, now *v1.NightRun) (out []string) {
	out = append(out, differs(now.Engine, before.EngineVersion, now.EngineVersion)...)
	out = append(out, differs("Kubernetes", before.Kubernetes, now.Kubernetes)...)
	return append(out, differs("load of "+now.Experiment, before.Load, now.Load)...)
}

func differs(what, before, now string) []string {
	if before == now {
		return nil
	}
	return []string{fmt.Sprintf("%s %s → %s", what, cmp.Or(before, "?"), cmp.Or(now, "?"))}
}

// unique leaves the first of equal lines.
func unique(lines []string) (out []string) {
	seen := map[string]bool{}
	for _, line := range lines {
		if !seen[line] {
			out = append(out, line)
		}
		seen[line] = true
	}
	return out
}
