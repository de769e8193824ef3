package runner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Unplayed are the cases that a run was to play and did not, or not to their end, in its order.
func Unplayed(run *v1.Run) []string {
	done := judged(run)
	return slices.DeleteFunc(slices.Clone(run.Order), func(name string) bool { _, ok := done[name]; return ok })
}

// Chosen are the cases that a run was told to play, those that it had to skip included.
func Chosen(run *v1.Run) []string {
	names := slices.Clone(run.Order)
	for _, c := range run.Cases {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// judged are the cases of a run that need not be played again, by name: all but those that
// were to be played and were not, or not to their end.
func judged(run *v1.Run) map[string]v1.Case {
	done := map[string]v1.Case{}
	if run == nil {
		return done
	}
	for _, c := range run.Cases {
		switch c.Outcome {
		case v1.Pass, v1.Fail, v1.Inconclusive, v1.Error:
			done[c.Name] = c
		case v1.Skipped, v1.NotSupported:
			if !slices.Contains(run.Order, c.Name) { // otherwise by fail-fast
				done[c.Name] = c
			}
		case v1.Unfinished:
		}
	}
	return done
}

// continues refuses to go on with a run that was made under other conditions than now: the
// report would be of two engines, or of two kinds of places.
func continues(before *v1.Run, now *v1.RunConditions) error {
	if before == nil {
		return nil
	}
	was, is := identity(&before.RunConditions), identity(now)
	for _, what := range slices.Sorted(maps.Keys(was)) {
		if was[what] != is[what] {
			return fmt.Errorf("resume run %s: its %s is %q, here it is %q: make it the same, or begin anew without --resume", before.ID, what, was[what], is[what])
		}
	}
	return nil
}

// identity is what must be equal in the parts of one run. Names of clusters may differ: each
// part has a lab or a cluster of kind of its own.
func identity(c *v1.RunConditions) map[string]string {
	return map[string]string{
		"engine": c.Engine, "version of the engine": c.EngineVersion, "version of netassay": c.Tool,
		"Kubernetes": c.Kubernetes, "kernel": c.Kernel, "number of nodes": strconv.Itoa(c.Nodes),
		"list of IP families": strings.Join(c.Families, " "), "list of what the engine lacks": strings.Join(c.Lacks, "; "),
		"timing": fmt.Sprintf("%+v", c.Timing), "seed": strconv.FormatUint(c.Seed, 10), "choice of paths": c.Paths,
	}
}
