package kernel

import (
	"fmt"
	"slices"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

// transaction is all that is done to rules in one step.
type transaction struct {
	render.Transaction
	want map[plan.ChainName]content // every chain of ours, for the check afterwards
}

// shows is the chain that shows whether a transaction took place: of those that it changes, the one
// that is read fastest; "" when it only removes.
func (tx *transaction) shows() plan.ChainName {
	if len(tx.Chains) == 0 {
		return ""
	}
	return slices.MinFunc(tx.Chains, func(a, b plan.Chain) int { return len(a.Rules) - len(b.Rules) }).Name
}

// checkChain says what of the transaction a chain does not show, nil when all is there.
func (tx *transaction) checkChain(t *family, name plan.ChainName) error {
	want := tx.want[name]
	if have, ok := t.chains[name]; !ok || have.content != want {
		return fmt.Errorf("check commit: chain %s has %d rules with hash %q, want %d with %q", name, have.Rules, have.Hash, want.Rules, want.Hash)
	}
	return nil
}

// check says the same of the whole table.
func (tx *transaction) check(t *family) error {
	for _, name := range sortedKeys(tx.want) {
		if err := tx.checkChain(t, name); err != nil {
			return err
		}
	}
	for _, name := range tx.Delete {
		if _, ok := t.chains[name]; ok {
			return fmt.Errorf("check commit: chain %s is still there", name)
		}
	}
	for _, j := range tx.Hook {
		if t.hooks[j] == 0 {
			return fmt.Errorf("check commit: no jump from %s to %s", j.From, j.To)
		}
	}
	return nil
}
