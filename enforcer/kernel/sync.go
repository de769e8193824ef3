package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// syncFamilies brings each family to its plan; one that fails does not keep the other from it.
func (k *Kernel) syncFamilies(ctx context.Context, want []plan.FamilyPlan, transient func(netip.Addr) bool, r *Result) error {
	errs, results := make([]error, len(want)), make([]Result, len(want))
	one := func(i int) {
		if err := k.syncFamily(ctx, want[i], transient, &results[i]); err != nil {
			errs[i] = fmt.Errorf("sync %s: %w", want[i].Family, err)
		}
	}
	var wg sync.WaitGroup
	for i := range want {
		if k.parallel {
			wg.Go(func() { one(i) })
		} else {
			one(i)
		}
	}
	wg.Wait()
	for _, of := range results {
		r.add(of)
	}
	return errors.Join(errs...)
}

// syncFamily runs the steps of the package's documentation for one family. What is known
// of the family is brought up to date as each step succeeds.
func (k *Kernel) syncFamily(ctx context.Context, want plan.FamilyPlan, transient func(netip.Addr) bool, r *Result) error {
	have := k.known[want.Family]
	c, err := diff(have, want, transient)
	if err != nil || c.empty() {
		return err
	}
	if c.commit == nil { // nothing comes between them: one tool does both
		c.restrict, c.loosen = append(c.restrict, c.loosen...), nil
	}
	r.Changed = true
	have.touch(c)
	start := time.Now()
	if err := k.before(ctx, have, c, r); err != nil {
		return err
	}
	committing := time.Now()
	if err := k.commit(ctx, want.Family, have, c.commit, r); err != nil {
		return err
	}
	committed := time.Now()
	if err := k.edit(ctx, c.loosen, r); err != nil {
		return err
	}
	have.take(c.after)
	collecting := time.Now()
	r.SetsTime += committing.Sub(start) + collecting.Sub(committed)
	r.RulesTime += committed.Sub(committing)
	defer func() { r.CollectTime += time.Since(collecting) }()
	return k.collect(ctx, have, c.collect, r)
}

// before is what happens to sets ahead of the commit.
func (k *Kernel) before(ctx context.Context, have *family, c *change, r *Result) error {
	if err := k.edit(ctx, c.restrict, r); err != nil {
		return err
	}
	if err := k.collect(ctx, have, c.discard, &Result{}); err != nil {
		return err
	}
	return k.create(ctx, have, c.create, r)
}

// create fills new sets under temporary names and renames each when it is full.
func (k *Kernel) create(ctx context.Context, have *family, sets []newSet, r *Result) error {
	if len(sets) == 0 {
		return nil
	}
	err := k.restoreSets(ctx, false, func(to render.SetWriter) {
		for _, s := range sets {
			tmp := temporaryName(s.set.Name)
			render.FillSet(to, s.set, tmp)
			to.Rename(tmp, s.name)
		}
	})
	if err != nil {
		return err
	}
	for _, s := range sets {
		have.sets[s.name] = &set{Kind: s.set.Kind, Family: s.set.Family, MaxElem: s.set.MaxElem(), Members: sorted(s.set.Members)}
	}
	r.SetWrites += len(sets)
	return nil
}

// edit changes sets in place. Lines that are already true are no error: another tool may
// have interfered since the kernel was read, and what counts is the result.
func (k *Kernel) edit(ctx context.Context, lines []line, r *Result) error {
	if len(lines) == 0 {
		return nil
	}
	r.Lines += len(lines)
	return k.restoreSets(ctx, true, func(to render.SetWriter) {
		for _, l := range lines {
			if l.Add {
				to.Add(l.Set, l.Member)
			} else {
				to.Del(l.Set, l.Member)
			}
		}
	})
}

// commit replaces the chains that differ, in one step, and reads them back.
func (k *Kernel) commit(ctx context.Context, f model.Family, have *family, tx *transaction, r *Result) error {
	if tx == nil {
		return nil
	}
	if err := k.restoreRules(ctx, f, tx.Transaction); err != nil {
		return err
	}
	if err := k.readBack(ctx, f, have, tx); err != nil {
		return err
	}
	r.ChainWrites += len(tx.Chains)
	return tx.check(have)
}

// restoreRules changes rules in one step.
func (k *Kernel) restoreRules(ctx context.Context, f model.Family, tx render.Transaction) error {
	_, err := k.run.Run(ctx, Command{
		Argv:  []string{k.backend.xtables(f, "-restore"), "-w", lockWait, "--noflush"},
		Stdin: func(w io.Writer) error { return render.Rules(w, tx) },
	})
	return explain(err)
}

// oneByOne is how many chains are read one by one, rather than with the whole table.
const oneByOne = 8

// readBack learns what a transaction has made of the table. A table of two thousand rules
// takes as long to read as an edit of ten thousand CIDRs takes in all, so that only the
// chains that were written are, if they are few.
func (k *Kernel) readBack(ctx context.Context, f model.Family, have *family, tx *transaction) error {
	if len(tx.Chains) > oneByOne || len(tx.Delete)+len(tx.Hook) > 0 {
		t, err := k.readTable(ctx, f)
		if err == nil {
			have.adopt(t)
		}
		return err
	}
	for _, c := range tx.Chains {
		read, err := k.readChain(ctx, f, c.Name)
		if err != nil {
			return err
		}
		have.chains[c.Name] = read
	}
	have.settled = nil
	return nil
}

// collect destroys sets. One that is still referred to stays and is counted: the nft
// backend lets go of sets some time after its commit, and other tools' rules may refer to
// ours (https://github.com/Azure/azure-container-networking/issues/2997).
func (k *Kernel) collect(ctx context.Context, have *family, names []string, r *Result) error {
	for len(names) > 0 {
		err := k.restoreSets(ctx, true, func(to render.SetWriter) {
			for _, name := range names {
				to.Destroy(name)
			}
		})
		done := len(names)
		if err != nil {
			n, ok := failedLine(err)
			if !ok || n > len(names) {
				return err
			}
			done = n - 1
		}
		for _, name := range names[:done] {
			delete(have.sets, name)
		}
		names = names[done:]
		if err != nil {
			r.Uncollected++
			names = names[1:]
		}
	}
	return nil
}

// errorLine is how ipset restore says where it stopped.
var errorLine = regexp.MustCompile(`Error in line (\d+):`)

// failedLine is the line, from 1, at which ipset restore stopped.
func failedLine(err error) (int, bool) {
	var run *RunError
	if !errors.As(err, &run) {
		return 0, false
	}
	m := errorLine.FindStringSubmatch(run.Stderr)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil && n > 0
}

// restoreSets runs ipset restore, or has a runner do the same without it. Lines before one
// that fails have taken effect. With lenient, adding what is there and removing what is not is
// no error; the word has to be on the command line, as ipset ignores it within the input.
func (k *Kernel) restoreSets(ctx context.Context, lenient bool, write func(render.SetWriter)) error {
	argv := []string{ipset, "restore"}
	if lenient {
		argv = append(argv, exist)
	}
	_, err := k.run.Run(ctx, Command{
		Argv:  argv,
		Stdin: func(w io.Writer) error { return render.SetText(w, write) },
		Sets:  write,
	})
	return explain(err)
}
