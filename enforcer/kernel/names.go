package kernel

import (
	"fmt"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
)

// What this package adds to a set's name in the plan, which must not contain it.
const (
	generationMark = "."
	generations    = "0123456789abcdefghijklmnopqrstuvwxyz"
	temporaryMark  = "~" // instead of the generation, while the set is being filled
	maxSetName     = 31 - 2
)

// logicalName is the plan's name of a set that is called actual in the kernel; ok is
// false for one that is still being filled, or was when its maker died.
func logicalName(actual string) (name plan.SetName, ok bool) {
	if strings.HasSuffix(actual, temporaryMark) {
		return "", false
	}
	logical, _, _ := strings.Cut(actual, generationMark)
	return plan.SetName(logical), true
}

func temporaryName(logical plan.SetName) string { return string(logical) + temporaryMark }

// freeName is a name for a new generation of a set.
func freeName(logical plan.SetName, taken map[string]*set) (string, error) {
	if taken[string(logical)] == nil {
		return string(logical), nil
	}
	for _, g := range generations {
		if name := string(logical) + generationMark + string(g); taken[name] == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("name set %s: all %d generations are in use by other programs' rules", logical, len(generations))
}

// checkNames refuses names that this package can't extend or would not know again.
func checkNames(p plan.FamilyPlan) error {
	for _, s := range p.Sets {
		name := string(s.Name)
		if !strings.HasPrefix(name, plan.SetPrefix) || len(name) > maxSetName || strings.ContainsAny(name, generationMark+temporaryMark) {
			return fmt.Errorf("set name %q: want prefix %s, at most %d bytes, without %q and %q", s.Name, plan.SetPrefix, maxSetName, generationMark, temporaryMark)
		}
	}
	for _, c := range p.Chains {
		if !strings.HasPrefix(string(c.Name), plan.ChainPrefix) {
			return fmt.Errorf("chain name %q: want prefix %s", c.Name, plan.ChainPrefix)
		}
	}
	return nil
}
