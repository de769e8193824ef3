package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// Cleanup removes all that is ours: jumps, chains and sets. Policies are not enforced any
// more afterwards, so it is for a node that the enforcer leaves, never for a restart. Sets
// are common to all backends, so the rules of every one go first. What rules of others
// refer to can't be removed and is in the error.
func Cleanup(ctx context.Context, run Runner, backends ...Backend) error {
	used := New(Options{Runner: run})
	if _, err := used.Start(ctx); err != nil {
		return err // what is missing for one is missing for all: say it once
	}
	var errs []error
	for _, b := range backends {
		k := New(Options{Backend: b, Runner: run})
		for _, f := range used.families {
			if err := k.removeRules(ctx, f); err != nil {
				errs = append(errs, fmt.Errorf("remove rules of %s with iptables %s: %w", f, b, err))
			}
		}
	}
	return errors.Join(append(errs, New(Options{Runner: run}).removeSets(ctx))...)
}

func (k *Kernel) removeSets(ctx context.Context) error {
	names, err := k.readSetNames(ctx)
	if err != nil {
		return err
	}
	var r Result
	if err := k.collect(ctx, newFamily(), names, &r); err != nil {
		return fmt.Errorf("remove sets: %w", err)
	}
	if r.Uncollected > 0 {
		return fmt.Errorf("remove sets: %d are still in use by other programs' rules or not yet released: run it again", r.Uncollected)
	}
	return nil
}

// removeRules drops jumps and chains in one commit, so that packets meet all or none.
func (k *Kernel) removeRules(ctx context.Context, f model.Family) error {
	t, err := k.readTable(ctx, f)
	if err != nil {
		return err
	}
	if t.empty() {
		return nil
	}
	if err := k.restoreRules(ctx, f, t.removal()); err != nil {
		return err
	}
	if t, err = k.readTable(ctx, f); err != nil {
		return err
	}
	for name := range t.chains {
		if _, foreign := t.foreign[name]; foreign {
			return fmt.Errorf("chain %s is empty, but other programs' rules still lead to it", name)
		}
		return fmt.Errorf("chain %s is still there", name)
	}
	return nil
}

// removal takes away all of a family's jumps and chains. Chains that rules of others lead to
// are emptied.
func (t table) removal() render.Transaction {
	tx := render.Transaction{Unhook: t.jumps()}
	for _, name := range sortedKeys(t.chains) {
		if _, foreign := t.foreign[name]; foreign {
			tx.Chains = append(tx.Chains, plan.Chain{Name: name})
		} else {
			tx.Delete = append(tx.Delete, name)
		}
	}
	return tx
}

// jumps are those of a table into our chains, each as often as it is there.
func (t table) jumps() []render.Jump {
	var out []render.Jump
	for j, n := range t.hooks {
		out = append(out, slices.Repeat([]render.Jump{j}, n)...)
	}
	slices.SortFunc(out, func(a, b render.Jump) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}
