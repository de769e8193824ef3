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
func logicalName(actual string) (name string, ok bool) {
	if strings.HasSuffix(actual, temporaryMark) {
		return "", false
	}
	name, _, _ = strings.Cut(actual, generationMark)
	return name, true
}

func temporaryName(logical string) string { return logical + temporaryMark }

// freeName is a name for a new generation of a set.
func freeName(logical string, taken map[string]*set) (string, error) {
	if taken[logical] == nil {
		return logical, nil
	}
	for _, g := range generations {
		if name := logical + generationMark + string(g); taken[name] == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("name set %s: %d generations of it are in use: another tool's rules refer to them", logical, len(generations))
}

// checkNames refuses names that this package can't extend or would not know again.
func checkNames(p plan.FamilyPlan) error {
	for _, s := range p.Sets {
		if !strings.HasPrefix(s.Name, plan.SetPrefix) || len(s.Name) > maxSetName || strings.ContainsAny(s.Name, generationMark+temporaryMark) {
			return fmt.Errorf("name set %q: want prefix %s, at most %d bytes, without %q and %q", s.Name, plan.SetPrefix, maxSetName, generationMark, temporaryMark)
		}
	}
	for _, c := range p.Chains {
		if !strings.HasPrefix(c.Name, plan.ChainPrefix) {
			return fmt.Errorf("name chain %q: want prefix %s", c.Name, plan.ChainPrefix)
		}
	}
	return nil
}

// rename replaces the plan's set names in a rule by those in the kernel.
func rename(rule string, names map[string]string) string {
	const match = "--match-set "
	var b strings.Builder
	for {
		before, after, found := strings.Cut(rule, match)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(match)
		name, _, _ := strings.Cut(after, " ")
		actual, ok := names[name]
		if !ok {
			actual = name
		}
		b.WriteString(actual)
		rule = after[len(name):]
	}
}
