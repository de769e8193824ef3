//go:build mutants

package mutants

import (
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

// removed is a policy's edit as a removal, and a creation some time later.
func removed(lasts time.Duration) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			if !e.is(watch.Policies, apiwatch.Modified) {
				return []event{e}
			}
			return []event{e.as(apiwatch.Deleted), e.as(apiwatch.Added).late(lasts)}
		}
	}
}

// edits are faults in what an enforcer makes of policies that change.
func edits() []Mutant {
	return []Mutant{
		{Name: "policy-removed-at-edits", Says: "a policy that is edited is removed and added again 100 ms later", Timed: true, Cases: list(onEdits), begin: removed(100 * ms)},
		{Name: "policy-removed-at-edits-for-1s", Says: "a policy that is edited is removed and added again 1 s later", Timed: true, Cases: list(onEdits), begin: removed(time.Second)},
		{Name: "edits-missed", Says: "edits of policies are missed", Cases: list(onEdits), begin: lose(func(e event) bool { return e.is(watch.Policies, apiwatch.Modified) })},
		{Name: "deletions-missed", Says: "deletions of policies are missed", Cases: list(onDeletes), begin: lose(func(e event) bool { return e.is(watch.Policies, apiwatch.Deleted) })},
	}
}
