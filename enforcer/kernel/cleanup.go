package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

// Cleanup removes all that is ours: jumps, chains and sets. Policies are not enforced any
// more afterwards, so it is for a node that the enforcer leaves, never for a restart. Sets
// are common to all backends, so the rules of every one go first. What rules of others
// refer to can't be removed and is in the error.
func Cleanup(ctx context.Context, run Runner, backends ...Backend) error {
	if err := New(Options{Runner: run}).Probe(ctx); err != nil {
		return err // what is missing for one is missing for all: say it once
	}
	var errs []error
	for _, b := range backends {
		k := New(Options{Backend: b, Runner: run})
		for _, f := range families() {
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
		return fmt.Errorf("remove sets: %d are in use by rules of others, or not released yet: run it again", r.Uncollected)
	}
	return nil
}

// removeRules drops jumps and chains in one commit, so that packets meet all or none.
func (k *Kernel) removeRules(ctx context.Context, f plan.Family) error {
	have := newFamily()
	t, err := k.readTable(ctx, f)
	if err != nil {
		return err
	}
	have.adopt(t)
	if len(have.chains)+len(have.hooks) == 0 {
		return nil
	}
	_, err = k.run.Run(ctx, Command{
		Argv: []string{k.backend.xtables(f, "-restore"), "-w", lockWait, "--noflush"},
		Stdin: func(w io.Writer) error {
			_, err := io.WriteString(w, have.removal())
			return err
		},
	})
	if err != nil {
		return explain(err)
	}
	if t, err = k.readTable(ctx, f); err != nil {
		return err
	}
	for name := range t.chains {
		if _, foreign := t.foreign[name]; foreign {
			return fmt.Errorf("chain %s has been emptied, but rules of others lead to it", name)
		}
		return fmt.Errorf("chain %s is still there", name)
	}
	return nil
}

func (f *family) removal() string {
	names := sortedKeys(f.chains)
	text := "*" + render.Table + "\n"
	for _, name := range names {
		text += render.ChainDeclaration(name) + "\n"
	}
	for _, l := range f.unhooked() {
		text += l + "\n"
	}
	for _, name := range names {
		if _, foreign := f.foreign[name]; !foreign {
			text += "-X " + name + "\n"
		}
	}
	return text + "COMMIT\n"
}
