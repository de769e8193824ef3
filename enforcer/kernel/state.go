package kernel

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// set is what one ipset of ours holds. Members are sorted and shared with the plan they
// came from.
type set struct {
	Kind    plan.SetKind
	Family  model.Family
	MaxElem int
	Members []plan.Member
}

// content tells chains with other rules apart.
type content struct {
	Hash  string // of the last rule's comment; "" without rules
	Rules int    // how many
}

// chain is what one chain of ours holds, as far as a sync needs to know.
type chain struct {
	content
	Print uint64   // of the text that the kernel gives back, to notice foreign edits; 0: not seen yet
	Sets  []string // that its rules refer to
}

// family is all that is ours in one family.
type family struct {
	table
	sets    map[string]*set
	settled *settled        // nil: what is there must be compared anew
	touched map[string]bool // chains and sets that were written since somebody looks; nil: nobody does
}

// settled is what a plan needs no more than members of sets to change from, as the kernel
// holds its chains and all its sets, and nothing else of ours. Under churn of pods that is
// so all the time, and hashing thousands of rules would be most of a sync's work.
type settled struct {
	chains []plan.Chain
	sets   []settledSet // in the plan's order
}

type settledSet struct {
	name   plan.SetName
	actual string // in the kernel
	*set
}

// settle takes note that the family holds this plan, with sets of these names.
func (f *family) settle(p plan.FamilyPlan, names render.Names) {
	f.settled = &settled{chains: p.Chains, sets: make([]settledSet, 0, len(p.Sets))}
	for _, s := range p.Sets {
		f.settled.sets = append(f.settled.sets, settledSet{name: s.Name, actual: names[s.Name], set: f.sets[names[s.Name]]})
	}
}

// by reports whether the plan has these very chains, and the same sets.
func (s *settled) by(p plan.FamilyPlan) bool {
	return s != nil && len(s.chains) > 0 && len(s.chains) == len(p.Chains) && &s.chains[0] == &p.Chains[0] &&
		slices.EqualFunc(s.sets, p.Sets, func(was settledSet, now plan.Set) bool { return was.name == now.Name })
}

// names are those of the sets.
func (s *settled) names() render.Names {
	names := render.Names{}
	for _, one := range s.sets {
		names[one.name] = one.actual
	}
	return names
}

func newFamily() *family {
	return &family{table: newTable(), sets: map[string]*set{}}
}

// referenced are the sets that rules of ours refer to.
func (f *family) referenced() map[string]struct{} {
	refs := map[string]struct{}{}
	for _, c := range f.chains {
		for _, name := range c.Sets {
			refs[name] = struct{}{}
		}
	}
	return refs
}

// take takes note of what sets hold after they were changed in place.
func (f *family) take(after map[string][]plan.Member) {
	for name, members := range after {
		f.sets[name].Members = members
	}
}

// adopt replaces what is known of rules by what the kernel has been seen to hold.
func (f *family) adopt(t table) {
	f.table, f.settled = t, nil
}

// wrote takes note of what a transaction that took place has made of our chains.
func (f *family) wrote(tx *transaction) {
	for _, c := range tx.Chains {
		f.chains[c.Name] = chain{content: tx.want[c.Name], Sets: setsIn(c, tx.Names)}
	}
	for _, name := range tx.Delete {
		delete(f.chains, name)
	}
	f.settled = nil
}

// setsIn are the sets that a chain's rules refer to, by their names in the kernel.
func setsIn(c plan.Chain, names render.Names) []string {
	var sets []string
	seen := map[plan.SetName]bool{}
	for _, r := range c.Rules {
		for _, condition := range r.Match {
			if in, ok := condition.(plan.InSet); ok && !seen[in.Set] {
				seen[in.Set] = true
				sets = append(sets, names[in.Set])
			}
		}
	}
	return sets
}

// same reports whether a chain is seen to hold what was written. Until it was seen once, its
// content tells.
func (c chain) same(seen chain) bool {
	if c.Print == 0 {
		return c.content == seen.content
	}
	return c.Print == seen.Print
}

// table is what the mangle table of one family holds that is ours or refers to ours.
type table struct {
	chains  map[plan.ChainName]chain
	hooks   map[render.Jump]int         // from built-in chains to ours, counted
	foreign map[plan.ChainName]struct{} // chains of ours that rules of others refer to
	others  map[string][]step           // rules of chains that are not ours
}

func (t table) empty() bool { return len(t.chains)+len(t.hooks) == 0 }

func newTable() table {
	return table{chains: map[plan.ChainName]chain{}, hooks: map[render.Jump]int{}, foreign: map[plan.ChainName]struct{}{}, others: map[string][]step{}}
}

// parseTable reads the output of iptables-save -t mangle, or of iptables -S of a chain. What
// it gives back does not hold on to the text, which is large.
func parseTable(saved string) table {
	t := newTable()
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, ":"+plan.ChainPrefix):
			name, _, _ := strings.Cut(line[1:], " ")
			t.chains[plan.ChainName(strings.Clone(name))] = chain{} // declarations come before rules
		case strings.HasPrefix(line, "-A "):
			t.rule(line)
		}
	}
	return t
}

func (t table) rule(line string) {
	from, spec, _ := strings.Cut(strings.TrimPrefix(line, "-A "), " ")
	if !strings.HasPrefix(from, plan.ChainPrefix) {
		t.others[from] = append(t.others[from], stepOf(spec))
		t.jump(from, spec)
		return
	}
	name := plan.ChainName(strings.Clone(from))
	c := t.chains[name]
	c.Rules++
	hash, _ := render.HashOf(spec)
	c.Hash = strings.Clone(hash)
	c.Print = fingerprint(c.Print, spec)
	for _, s := range setsOf(spec) {
		if !slices.Contains(c.Sets, s) {
			c.Sets = append(c.Sets, strings.Clone(s))
		}
	}
	t.chains[name] = c
}

// jump notes a rule of a chain that is not ours when it leads to one that is.
func (t table) jump(from, spec string) {
	words := strings.Fields(spec)
	for i, w := range words {
		if (w != "-j" && w != "-g") || i+1 == len(words) || !strings.HasPrefix(words[i+1], plan.ChainPrefix) {
			continue
		}
		j := render.Jump{From: strings.Clone(from), To: plan.ChainName(strings.Clone(words[i+1]))}
		if spec == j.Spec() && builtin(from) {
			t.hooks[j]++
		} else {
			t.foreign[j.To] = struct{}{}
		}
	}
}

// builtin tells the chains that every mangle table has; only these carry hooks of ours.
func builtin(name string) bool {
	return slices.Contains([]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}, name)
}

// setsOf are the sets of ours that a rule refers to.
func setsOf(rule string) []string {
	var names []string
	words := strings.Fields(rule)
	for i, w := range words[:max(0, len(words)-1)] {
		if w == "--match-set" && strings.HasPrefix(words[i+1], plan.SetPrefix) {
			names = append(names, words[i+1])
		}
	}
	return names
}

// fingerprint chains a rule's text onto the print of those before it.
func fingerprint(before uint64, rule string) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, before)
	_, _ = io.WriteString(h, rule)
	return h.Sum64()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
