package kernel

import (
	"context"
	"maps"
	"slices"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
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

// Sight is what a look at the kernel has seen.
type Sight struct {
	known  map[model.Family]*family // when the look began
	tables map[model.Family]table
	names  []string
	sets   map[string]*set
	ipv6   bool // it works, although it did not at the start
}

// Look begins a look at the kernel. What it returns does the reading and may run beside syncs,
// one at a time, so that none waits for it; Compare tells what was seen.
func (k *Kernel) Look() func(context.Context) (*Sight, error) {
	missing := len(k.families) == 1
	s := &Sight{known: maps.Clone(k.known), tables: map[model.Family]table{}, sets: map[string]*set{}}
	for _, f := range s.known {
		f.touched = map[string]bool{}
	}
	return func(ctx context.Context) (*Sight, error) {
		if missing {
			_, err := k.readTable(ctx, model.IPv6)
			s.ipv6 = err == nil
		}
		return s, k.see(ctx, s)
	}
}

// see reads all rules and names, and sets from the one after the cursor until the budget is
// spent.
func (k *Kernel) see(ctx context.Context, s *Sight) (err error) {
	for f := range s.known {
		if s.tables[f], err = k.readTable(ctx, f); err != nil {
			return err
		}
	}
	if s.names, err = k.readSetNames(ctx); err != nil {
		return err
	}
	slices.Sort(s.names)
	first, _ := slices.BinarySearch(s.names, k.cursor+"\x00")
	budget := verifyBudget
	for batch := range slices.Chunk(slices.Concat(s.names[first:], s.names[:first]), readBatch) {
		sets, err := k.readSets(ctx, batch)
		if err != nil {
			return err
		}
		maps.Copy(s.sets, sets)
		for _, one := range sets {
			budget -= len(one.Members)
		}
		if k.cursor = batch[len(batch)-1]; budget <= 0 {
			break
		}
	}
	return nil
}

// Compare compares what was seen with what the last sync left there. It repairs nothing: what
// it learns makes the next Sync do so. IPv6 that was missing is enforced from then on. What syncs have written since the look began is left for
// the next one.
func (k *Kernel) Compare(s *Sight) (d Drift) {
	for family, f := range s.known {
		if k.known[family] != f { // a sync failed, and all was read anew
			continue
		}
		before := d
		f.compareRules(s.tables[family], &d)
		f.compareSets(family, s, &d)
		f.touched = nil
		if d != before {
			f.settled = nil
		}
	}
	if s.ipv6 {
		k.families, k.known = families(), nil
	}
	return d
}

// Verify is a look that no sync happens beside, and the comparison.
func (k *Kernel) Verify(ctx context.Context) (Drift, error) {
	s, err := k.Look()(ctx)
	if err != nil {
		return Drift{}, err
	}
	return k.Compare(s), nil
}

// hooks is what is touched when jumps are made.
const hooks = "hooks"

// touch takes note of what a sync writes while somebody looks.
func (f *family) touch(c *change) {
	if f.touched == nil {
		return
	}
	names := slices.Concat(c.discard, c.collect, slices.Collect(maps.Keys(c.after)))
	for _, s := range c.create {
		names = append(names, s.name)
	}
	if c.commit != nil {
		for _, chain := range c.commit.Chains {
			names = append(names, string(chain.Name))
		}
		for _, name := range c.commit.Delete {
			names = append(names, string(name))
		}
		if len(c.commit.Hook) > 0 {
			names = append(names, hooks)
		}
	}
	for _, name := range names {
		f.touched[name] = true
	}
}

// compareRules counts how the rules differ from those known, and adopts them. A chain that
// differs loses its hash, so that it is written again.
func (f *family) compareRules(t table, d *Drift) {
	for name := range f.touched {
		name := plan.ChainName(name)
		delete(t.chains, name)
		if was, ok := f.chains[name]; ok {
			t.chains[name] = was
		}
	}
	for name, was := range f.chains {
		now, ok := t.chains[name]
		if ok && was.same(now) {
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
	if f.touched[hooks] {
		t.hooks = f.hooks
	}
	for h := range f.hooks {
		if t.hooks[h] == 0 {
			d.Jumps++
		}
	}
	f.table = t
}

// compareSets counts how the sets that were seen differ from those known, and adopts them.
func (f *family) compareSets(family model.Family, s *Sight, d *Drift) {
	for name := range f.sets {
		if _, found := slices.BinarySearch(s.names, name); !found && !f.touched[name] {
			delete(f.sets, name)
			d.Sets++
		}
	}
	for name, now := range s.sets {
		if was := f.sets[name]; now.Family == family && !f.touched[name] && (was == nil || !was.same(now)) {
			d.Sets++
			f.sets[name] = now
		}
	}
}

func (s *set) same(other *set) bool {
	return s.Kind == other.Kind && s.MaxElem == other.MaxElem && slices.Equal(s.Members, other.Members)
}
