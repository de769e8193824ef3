package kernel

import (
	"context"
	"slices"
)

// Drift counts what something else has changed of ours since the last sync.
type Drift struct {
	Jumps, Chains, Sets int
}

// Any reports whether there was any.
func (d Drift) Any() bool { return d != Drift{} }

// verifyBudget is how many members of sets one Verify reads back; the next goes on where
// it ended. Names, chains and hooks are compared whole each time.
const verifyBudget = 20_000

// Verify compares the kernel with what the last sync left there. It repairs nothing: what
// it learns makes the next Sync do so.
func (k *Kernel) Verify(ctx context.Context) (Drift, error) {
	var d Drift
	if k.known == nil {
		return d, nil
	}
	for _, f := range k.families {
		t, err := k.readTable(ctx, f)
		if err != nil {
			return d, err
		}
		k.known[f].compare(t, &d)
	}
	return d, k.verifySets(ctx, &d)
}

// compare counts how the rules differ from those known, and adopts them. A chain that
// differs loses its hash, so that it is written again.
func (f *family) compare(t table, d *Drift) {
	for name, was := range f.chains {
		now, ok := t.chains[name]
		if ok && now.Print == was.Print {
			continue
		}
		d.Chains++
		if ok {
			now.content = content{Rules: -1}
			t.chains[name] = now
		}
	}
	for name := range t.chains {
		if _, ok := f.chains[name]; !ok {
			d.Chains++
		}
	}
	for h := range f.hooks {
		if t.hooks[h] == 0 {
			d.Jumps++
		}
	}
	f.adopt(t)
}

func (k *Kernel) verifySets(ctx context.Context, d *Drift) error {
	names, err := k.readSetNames(ctx)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, f := range k.known {
		for name := range f.sets {
			if _, found := slices.BinarySearch(names, name); !found {
				delete(f.sets, name)
				d.Sets++
			}
		}
	}
	return k.verifyMembers(ctx, names, d)
}

// verifyMembers reads sets back, from the one after the cursor, until the budget is spent.
func (k *Kernel) verifyMembers(ctx context.Context, names []string, d *Drift) error {
	first, _ := slices.BinarySearch(names, k.cursor+"\x00")
	budget := verifyBudget
	for batch := range slices.Chunk(slices.Concat(names[first:], names[:first]), readBatch) {
		if budget <= 0 {
			break
		}
		sets, err := k.readSets(ctx, batch)
		if err != nil {
			return err
		}
		for name, s := range sets {
			budget -= len(s.Members)
			k.compareSet(name, s, d)
		}
		k.cursor = batch[len(batch)-1]
	}
	return nil
}

// compareSet counts a set that differs from the one known, and adopts it.
func (k *Kernel) compareSet(name string, s *set, d *Drift) {
	f := k.known[s.Family]
	if f == nil {
		return
	}
	if was := f.sets[name]; was == nil || !was.same(s) {
		d.Sets++
		f.sets[name] = s
	}
}

func (s *set) same(other *set) bool {
	return s.Kind == other.Kind && s.MaxElem == other.MaxElem && slices.Equal(s.Members, other.Members)
}
