package kernel

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

// line is one in-place change of a set.
type line struct {
	Set    string // its name in the kernel
	Member plan.Member
	Add    bool
}

// change is all that one sync does to one family, in this order; see the package's
// documentation for the reason of the order.
type change struct {
	restrict []line       // can only forbid
	discard  []string     // left-overs under temporary names
	create   []newSet     // new sets and generations, filled aside
	commit   *transaction // nil: no chain differs
	loosen   []line       // can only permit; before that, peers move from set to set
	collect  []string     // sets that nothing refers to once all of the above is done

	after map[string][]plan.Member // what the sets that are changed in place hold then
}

// newSet is a set of the plan that is to be made under the name that it gets here.
type newSet struct {
	name string
	set  plan.Set
}

func (c *change) empty() bool {
	return len(c.discard)+len(c.create)+len(c.restrict)+len(c.loosen)+len(c.collect) == 0 && c.commit == nil
}

// differ compares one family of the kernel with a plan.
type differ struct {
	have      *family
	want      plan.FamilyPlan
	transient func(netip.Addr) bool

	settled  bool         // chains and names are as they were
	names    render.Names // of all sets
	tx       *transaction // for the chains that differ with these names; nil when none does
	inPlace  []edit       // sets that are there and hold something else
	moved    bool         // an address that lives on begins or ceases to be a local pod's own
	peers    bool         // of addresses that live on, only the sets of peers change that they are in
	renewed  []newSet
	allNames map[string]*set // taken in the kernel, of both families
}

// edit is the in-place change of one set, whose members are sorted.
type edit struct {
	set      plan.Set
	name     string // in the kernel
	del, add []plan.Member
}

// diff finds the change that brings a family to the plan. It changes nothing.
func diff(have *family, want plan.FamilyPlan, transient func(netip.Addr) bool) (*change, error) {
	d := &differ{have: have, want: want, transient: transient, settled: have.settled.by(want), names: render.Names{}}
	if err := d.compareSets(); err != nil {
		return nil, err
	}
	d.tx = d.commit()
	if d.kinds() > 1 {
		d.peers = d.onlyPeers()
	}
	if d.kinds() > 1 && !d.peers {
		if err := d.renewStable(); err != nil {
			return nil, err
		}
		d.tx = d.commit()
	}
	return d.change(), nil
}

// compareSets finds for each set of the plan the one in the kernel, or makes it new. What has
// settled is told from the plan's lists alone.
func (d *differ) compareSets() error {
	if d.settled {
		for i, was := range d.have.settled.sets {
			if err := d.compareSet(d.want.Sets[i], was.actual, was.set); err != nil {
				return err
			}
		}
		return nil
	}
	if err := checkNames(d.want); err != nil {
		return err
	}
	current := d.current()
	for _, s := range d.want.Sets {
		name := current[s.Name]
		if err := d.compareSet(s, name, d.have.sets[name]); err != nil {
			return err
		}
		if d.names[s.Name] == "" {
			d.names[s.Name] = name
		}
	}
	return nil
}

// compareSet holds a set of the plan against the one in the kernel, nil if there is none.
func (d *differ) compareSet(s plan.Set, name string, have *set) error {
	switch {
	case !have.fits(s):
		return d.renew(s)
	case shared(have.Members, s.Members):
		return nil
	}
	e := edit{set: s, name: name}
	e.del, e.add, e.set.Members = diffMembers(have.Members, s.Members)
	if len(e.del)+len(e.add) == 0 {
		return nil
	}
	if s.Role == plan.RoleBlock { // somebody has changed what is immutable
		return d.renew(e.set)
	}
	if s.Role == plan.RoleOwn {
		d.moved = d.stable(e.del) || d.stable(e.add)
	}
	d.inPlace = append(d.inPlace, e)
	return nil
}

// fits reports whether the set in the kernel can hold what the plan wants.
func (s *set) fits(want plan.Set) bool {
	return s != nil && s.Kind == want.Kind && s.Family == want.Family && len(want.Members) <= s.MaxElem
}

// current maps the plan's names to the generations in force: those that rules refer to,
// else any that is complete.
func (d *differ) current() render.Names {
	names := render.Names{}
	refs := d.have.referenced()
	for _, actual := range sortedKeys(d.have.sets) {
		logical, complete := logicalName(actual)
		if !complete {
			continue
		}
		_, now := refs[actual]
		if _, seen := names[logical]; now || !seen {
			names[logical] = actual
		}
	}
	return names
}

func (d *differ) renew(s plan.Set) error {
	if d.allNames == nil {
		d.allNames = maps.Clone(d.have.sets)
		if d.settled {
			d.names = d.have.settled.names()
		}
	}
	name, err := freeName(s.Name, d.allNames)
	if err != nil {
		return err
	}
	d.allNames[name] = &set{}
	d.names[s.Name] = name
	d.renewed = append(d.renewed, newSet{name: name, set: s})
	return nil
}

// kinds counts the kinds of change that touch addresses which live on: restricting,
// committing, loosening. Up to one, the order can't be seen from outside.
func (d *differ) kinds() int {
	restricts, loosens := false, false
	for _, e := range d.inPlace {
		dels, adds := d.stable(e.del), d.stable(e.add)
		if e.set.Role.Forbids() {
			dels, adds = adds, dels
		}
		restricts, loosens = restricts || dels, loosens || adds
	}
	n := 0
	for _, kind := range []bool{restricts, loosens, d.rewrites()} {
		if kind {
			n++
		}
	}
	return n
}

// stable reports whether one of the members is of an address that lives on.
func (d *differ) stable(ms []plan.Member) bool { return slices.ContainsFunc(ms, d.lives) }

// lives reports whether a member is of an address that lives on. Interfaces are closed to
// addresses that are not local pods' own: where these stay as they are, or change with their
// pods, interfaces can.
func (d *differ) lives(m plan.Member) bool {
	if m.Link() != "" {
		return d.moved
	}
	return !m.IsSingleIP() || !d.transient(m.Addr())
}

// onlyPeers reports whether all that changes of addresses that live on is which sets of peers
// they are in, and no chain judges these addresses as subjects.
func (d *differ) onlyPeers() bool {
	if d.rewrites() {
		return false
	}
	for _, e := range d.inPlace {
		for _, m := range slices.Concat(e.del, e.add) {
			if d.lives(m) && (e.set.Role != plan.RolePeer || d.isolated(m)) {
				return false
			}
		}
	}
	return true
}

func (d *differ) isolated(m plan.Member) bool {
	return slices.ContainsFunc(d.want.Sets, func(s plan.Set) bool {
		if s.Role != plan.RoleIsolation {
			return false
		}
		_, found := slices.BinarySearchFunc(s.Members, m, plan.Member.Compare)
		return found
	})
}

// rewrites reports whether rules change.
func (d *differ) rewrites() bool { return d.tx != nil && len(d.tx.Chains)+len(d.tx.Delete) > 0 }

// content is what a chain of the plan holds once it is in the kernel.
func (d *differ) content(c plan.Chain) content {
	if len(c.Rules) == 0 {
		return content{}
	}
	return content{Hash: render.ChainHash(c, d.names), Rules: len(c.Rules)}
}

// obsolete are the chains of ours that the plan does not have: those that must stay,
// empty, because somebody else's rules lead to them, and those that can go.
func (d *differ) obsolete() (empty []plan.Chain, gone []plan.ChainName) {
	wanted := map[plan.ChainName]bool{}
	for _, c := range d.want.Chains {
		wanted[c.Name] = true
	}
	for _, name := range sortedKeys(d.have.chains) {
		if wanted[name] {
			continue
		}
		if _, kept := d.have.foreign[name]; !kept {
			gone = append(gone, name)
		} else if d.have.chains[name].Rules > 0 {
			empty = append(empty, plan.Chain{Name: name})
		}
	}
	return empty, gone
}

// renewStable moves every set with a change of an address that lives on into the commit.
func (d *differ) renewStable() error {
	kept := d.inPlace[:0]
	for _, e := range d.inPlace {
		if !d.stable(e.del) && !d.stable(e.add) {
			kept = append(kept, e)
			continue
		}
		if err := d.renew(e.set); err != nil {
			return err
		}
	}
	d.inPlace = kept
	return nil
}

func (d *differ) change() *change {
	c := &change{create: d.renewed, commit: d.tx, after: map[string][]plan.Member{}}
	var in, out []line // of peers that move from set to set
	for _, e := range d.inPlace {
		c.after[e.name] = e.set.Members
		if d.peers && e.set.Role == plan.RolePeer {
			out, in = append(out, lines(e.name, d.take(&e.del), false)...), append(in, lines(e.name, d.take(&e.add), true)...)
		}
		del, add := lines(e.name, e.del, false), lines(e.name, e.add, true)
		if e.set.Role.Forbids() {
			del, add = add, del
		}
		c.restrict = append(c.restrict, del...)
		c.loosen = append(c.loosen, add...)
	}
	c.loosen = slices.Concat(in, out, c.loosen)
	if d.settled && len(d.renewed) == 0 {
		return c
	}
	used := map[string]bool{}
	for _, name := range d.names {
		used[name] = true
	}
	for _, name := range sortedKeys(d.have.sets) {
		if _, complete := logicalName(name); !complete {
			c.discard = append(c.discard, name)
		} else if !used[name] {
			c.collect = append(c.collect, name)
		}
	}
	d.have.settled = nil
	if c.commit == nil && len(c.create)+len(c.discard)+len(c.collect) == 0 {
		d.have.settle(d.want, d.names)
	}
	return c
}

// take takes those that live on away from the members.
func (d *differ) take(ms *[]plan.Member) (stable []plan.Member) {
	var rest []plan.Member
	for _, m := range *ms {
		if d.lives(m) {
			stable = append(stable, m)
		} else {
			rest = append(rest, m)
		}
	}
	*ms = rest
	return stable
}

func lines(set string, ms []plan.Member, add bool) []line {
	out := make([]line, 0, len(ms))
	for _, m := range ms {
		out = append(out, line{Set: set, Member: m, Add: add})
	}
	return out
}

// commit is the transaction for the chains that differ, nil when none does.
func (d *differ) commit() *transaction {
	if d.settled && len(d.renewed) == 0 {
		return nil
	}
	tx := &transaction{Transaction: render.Transaction{Names: d.names}, want: map[plan.ChainName]content{}}
	for _, c := range d.want.Chains {
		tx.want[c.Name] = d.content(c)
		if have, ok := d.have.chains[c.Name]; !ok || have.content != tx.want[c.Name] {
			tx.Chains = append(tx.Chains, c)
		}
	}
	empty, gone := d.obsolete()
	tx.Chains = append(tx.Chains, empty...)
	tx.Delete = gone
	for _, h := range d.want.Hooks {
		if j := render.JumpOf(h); d.have.hooks[j] == 0 {
			tx.Hook = append(tx.Hook, j)
		}
	}
	if tx.Empty() {
		return nil
	}
	return tx
}
