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

// work is the sync of one family.
type work struct {
	family model.Family
	want   plan.FamilyPlan
	have   *family
	change *change
	result Result
	err    error
}

// stages are what a sync does to a family, one after the other. Both families are through one
// before either begins the next, so that neither is enforced later because the other is read
// back.
func (k *Kernel) stages(transient func(netip.Addr) bool) []func(context.Context, *work) error {
	return []func(context.Context, *work) error{
		func(ctx context.Context, w *work) error { return k.replace(ctx, w, transient) },
		k.confirm,
		k.finish,
	}
}

// syncFamilies brings each family to its plan; one that fails does not keep the other from it.
func (k *Kernel) syncFamilies(ctx context.Context, want []plan.FamilyPlan, transient func(netip.Addr) bool, r *Result) error {
	all, errs := make([]work, len(want)), make([]error, len(want))
	for i, p := range want {
		all[i] = work{family: p.Family, want: p, have: k.known[p.Family]}
	}
	for _, stage := range k.stages(transient) {
		k.each(all, func(w *work) {
			if w.err == nil {
				w.err = stage(ctx, w)
			}
		})
	}
	for i, w := range all {
		r.add(w.result)
		if w.err != nil {
			errs[i] = fmt.Errorf("sync %s: %w", w.family, w.err)
		}
	}
	return errors.Join(errs...)
}

// each does one thing to each family, at the same time if that is asked for.
func (k *Kernel) each(all []work, do func(*work)) {
	var wg sync.WaitGroup
	for i := range all {
		if k.parallel {
			wg.Go(func() { do(&all[i]) })
		} else {
			do(&all[i])
		}
	}
	wg.Wait()
}

// replace does steps 1 to 3 of the package's documentation.
func (k *Kernel) replace(ctx context.Context, w *work, transient func(netip.Addr) bool) (err error) {
	if w.change, err = diff(w.have, w.want, transient); err != nil || w.change.empty() {
		return err
	}
	c := w.change
	if c.commit == nil { // nothing comes between them: one tool does both
		c.restrict, c.loosen = append(c.restrict, c.loosen...), nil
	}
	w.result.Changed = true
	w.have.touch(c)
	start := time.Now()
	if err := k.before(ctx, w.have, c, &w.result); err != nil || c.commit == nil {
		w.result.SetsTime += time.Since(start)
		return err
	}
	committing := time.Now()
	w.result.SetsTime += committing.Sub(start)
	defer func() { w.result.RulesTime += time.Since(committing) }()
	return k.restoreRules(ctx, w.family, c.commit.Transaction)
}

// confirm ends step 3: it reads back what the commit wrote.
func (k *Kernel) confirm(ctx context.Context, w *work) error {
	tx := w.change.commit
	if tx == nil {
		return nil
	}
	defer func(start time.Time) { w.result.RulesTime += time.Since(start) }(time.Now())
	if err := k.readBack(ctx, w.family, w.have, tx); err != nil {
		return err
	}
	w.result.ChainWrites += len(tx.Chains)
	return nil
}

// finish does steps 4 and 5. What is known of the sets is brought up to date as each succeeds.
func (k *Kernel) finish(ctx context.Context, w *work) error {
	start := time.Now()
	if err := k.edit(ctx, w.change.loosen, &w.result); err != nil {
		return err
	}
	w.have.take(w.change.after)
	collecting := time.Now()
	w.result.SetsTime += collecting.Sub(start)
	defer func() { w.result.CollectTime += time.Since(collecting) }()
	return k.collect(ctx, w.have, w.change.collect, &w.result)
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

// restoreRules changes rules in one step.
func (k *Kernel) restoreRules(ctx context.Context, f model.Family, tx render.Transaction) error {
	_, err := k.run.Run(ctx, Command{
		Argv:  []string{k.backend.xtables(f, "-restore"), "-w", lockWait, "--noflush"},
		Stdin: func(w io.Writer) error { return render.Rules(w, tx) },
	})
	return explain(err)
}

// readBack learns what a transaction has made of the table. A commit is all or nothing, so one
// of the chains that it changed shows whether there was any: the whole table takes as long to
// read as an edit of ten thousand CIDRs takes in all, and is read only when there is no such
// chain, or jumps were made. What else was written is known from its text until the next look.
func (k *Kernel) readBack(ctx context.Context, f model.Family, have *family, tx *transaction) error {
	shown := tx.shows()
	if shown == "" || len(tx.Hook) > 0 {
		t, err := k.readTable(ctx, f)
		if err != nil {
			return err
		}
		have.adopt(t)
		return tx.check(have)
	}
	read, err := k.readChain(ctx, f, shown)
	if err != nil {
		return err
	}
	have.wrote(tx)
	have.chains[shown] = read
	return tx.checkChain(have, shown)
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
