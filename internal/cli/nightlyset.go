package cli

import (
	"fmt"
	"slices"
	"strings"
)

// nightlyMember is one experiment of a night: a command line of this program.
type nightlyMember struct {
	name string
	args []string
	// referenceOnly says that it can be done to the reference enforcer alone.
	referenceOnly bool
}

// The experiments of the standard set, in their order.
const (
	nightConformance = "conformance"
	nightChaos       = "chaos-smoke"
	nightScale       = "scale"
)

// nightlySet is the standard set on a machine of so many processors and bytes of memory.
func nightlySet(cpus int, memory int64, parallel int) []nightlyMember {
	return []nightlyMember{
		{name: nightConformance, args: []string{"conformance", "--parallel", fmt.Sprint(parallel)}},
		{name: nightChaos, args: strings.Fields("chaos " + chaosSmoke), referenceOnly: true},
		{name: nightScale, args: strings.Fields("scale " + scaleOn(cpus, memory))},
	}
}

// What make chaos-smoke and make scale-smoke run, and what larger machines bear.
const (
	chaosSmoke = "--edits 60 --kills 15 --terms 4 --recreates 8 --drifts 2 " +
		"--packets 60000 --api-outage 5s --lock-hold 4s --max-missed 0.5 --max-unsure 0.01"
	scaleSmoke = "--nodes 20 --pods 1000 --policies 50 --namespaces 10 --local-pods 10 --cidrs 1000 " +
		"--samples 10 --new-pods 5 --cycles 0 --churn-rates 10 --churn-for 5s --pod-churn-for 5s --bounds smoke " +
		"--max-foreign 1 --max-missed 0.5 --max-blind 500ms --max-void 0.5"
	scaleQuarter = "--nodes 63 --pods 5000 --policies 250 --namespaces 25 --local-pods 20 --samples 20 --new-pods 10 --cycles 0 --bounds none"
	scaleWhole   = "--cycles 0"
)

// scaleOn is the largest load that a machine bears beside nothing else: the size is part of what
// is compared, so the same machine always measures the same.
func scaleOn(cpus int, memory int64) string {
	const gib = 1 << 30
	switch {
	case cpus >= 8 && memory >= 30*gib:
		return scaleWhole
	case cpus >= 4 && memory >= 14*gib:
		return scaleQuarter
	}
	return scaleSmoke
}

// chosenMembers are those of a set that names has, without those of skip.
func chosenMembers(set []nightlyMember, names, skip []string) ([]nightlyMember, error) {
	var known []string
	for _, m := range set {
		known = append(known, m.name)
	}
	for flag, list := range map[string][]string{"--set": names, "--skip": skip} {
		for _, name := range list {
			if !slices.Contains(known, name) && (flag == "--skip" || name != standardSet) {
				return nil, fmt.Errorf("%s has %q: give some of %s", flag, name, strings.Join(append(known, standardSet), ", "))
			}
		}
	}
	all := slices.Contains(names, standardSet)
	out := slices.DeleteFunc(slices.Clone(set), func(m nightlyMember) bool {
		return slices.Contains(skip, m.name) || !all && !slices.Contains(names, m.name)
	})
	if len(out) == 0 {
		return nil, fmt.Errorf("nothing is left to run: --set %s --skip %s", strings.Join(names, ","), strings.Join(skip, ","))
	}
	return out, nil
}

// standardSet stands for all experiments of the set.
const standardSet = "standard"
