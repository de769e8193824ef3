package plan

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/match"
	"github.com/netassay/netassay/model"
)

// Compiler compiles one snapshot after another and keeps between them what does not change:
// the index of pods, the members of sets that pods of the whole cluster are in, what the ipBlocks
// of each rule cover, and what the policies of each namespace make. Its plans are those of
// CompileWith, byte for byte, whatever came before (but that a policy that is too large is looked
// at again only when more changes than pods elsewhere); they share memory and must not be
// changed, and neither must what snapshots refer to.
//
// The zero value is ready to use. It is not safe for concurrent use.
type Compiler struct {
	cluster  match.Index
	sets     map[string]*clusterSet
	in       map[match.Group][]*clusterSet // the sets that pods are in, as far as it was asked
	unions   map[peerList]*blockUnion
	tenants  map[string]*tenant // by namespace
	scratch  set                // where members are gathered, so that sets have no more room than they need
	last     Plan
	opts     Options
	nodes    []model.Node
	policies []*netv1.NetworkPolicy // that last was made of; nil: there is no last
}

// clusterSet is a set whose members are pods of the whole cluster, or ports of theirs. An
// address that several pods have is nobody's there.
type clusterSet struct {
	pods    match.Choice
	add     func(*set, *model.Pod)
	filled  bool
	members [2][]Member // sorted and unique
	names   [2]SetName  // in the last plan
	used    bool        // by the compilation at hand
	size    int         // what it takes of a budget
	payers  []*budget
}

// Compile is CompileWith.
func (c *Compiler) Compile(s model.Snapshot, opts Options) Plan {
	return c.compile(s, opts, hash)
}

func (c *Compiler) compile(s model.Snapshot, opts Options, hash func(string) string) Plan {
	if c.policies == nil || !slices.Equal(s.Policies, c.policies) {
		c.cluster.Ask(labelsIn(s.Policies))
	}
	c.cluster.Update(s.Namespaces, s.Pods)
	changed := c.changed()
	if same := c.refresh(changed); same && c.onlyMembers(s, opts) {
		c.last = withMembers(c.last, changed)
		return c.last
	}
	for _, k := range c.sets {
		k.used, k.payers = false, nil
	}
	for _, u := range c.unions {
		u.used = false
	}
	c.last = c.begin(s, opts, hash).compile(s.Policies)
	maps.DeleteFunc(c.sets, func(_ string, k *clusterSet) bool { return !k.used })
	c.in = map[match.Group][]*clusterSet{}
	maps.DeleteFunc(c.unions, func(_ peerList, u *blockUnion) bool { return !u.used })
	c.scratch = set{}
	c.opts, c.nodes = opts, slices.Clone(s.Nodes)
	c.opts.Own = slices.Clone(opts.Own)
	c.policies = append(make([]*netv1.NetworkPolicy, 0, len(s.Policies)), s.Policies...)
	return c.last
}

// labelsIn are the keys of the labels that policies select pods by.
func labelsIn(policies []*netv1.NetworkPolicy) map[string]struct{} {
	keys := map[string]struct{}{}
	for _, p := range policies {
		match.AddKeys(keys, &p.Spec.PodSelector)
		for _, r := range p.Spec.Ingress {
			for i := range r.From {
				match.AddKeys(keys, r.From[i].PodSelector)
			}
		}
		for _, r := range p.Spec.Egress {
			for i := range r.To {
				match.AddKeys(keys, r.To[i].PodSelector)
			}
		}
	}
	return keys
}

// onlyMembers reports whether nothing has changed but pods of other nodes, which can only be
// members of cluster sets.
func (c *Compiler) onlyMembers(s model.Snapshot, opts Options) bool {
	return c.policies != nil && slices.Equal(s.Policies, c.policies) &&
		reflect.DeepEqual(opts, c.opts) && reflect.DeepEqual(s.Nodes, c.nodes) &&
		!c.cluster.Fresh() && !c.cluster.Relabelled() && !c.cluster.TouchedNode(opts.Node)
}

// refresh brings the cluster sets up to date that have changed. It is false when one has
// outgrown its capacity, or fits a smaller one again: its name changes, and rules with it. So
// it is when one has outgrown what a namespace may take.
func (c *Compiler) refresh(changed map[*clusterSet]bool) bool {
	same := true
	for k := range changed {
		before := k.members
		k.refresh(&c.cluster, &c.scratch)
		grown := 0
		for i := range before {
			grown += len(k.members[i]) - len(before[i])
			same = same && maxElem(len(before[i])) == maxElem(len(k.members[i]))
		}
		k.size += grown
		for _, b := range k.payers {
			b.members += grown
			same = same && b.members <= MostMembers
		}
	}
	return same
}

// changed are the cluster sets that the last change of the cluster may have changed. Which sets
// pods are in is looked up once for all that no selector tells apart.
func (c *Compiler) changed() map[*clusterSet]bool {
	out := map[*clusterSet]bool{}
	if c.cluster.Fresh() || c.cluster.Relabelled() {
		c.in = map[match.Group][]*clusterSet{}
		for _, k := range c.sets {
			out[k] = true
		}
		return out
	}
	for g := range c.cluster.Changed() {
		in, known := c.in[g]
		if !known {
			for _, k := range c.sets {
				if k.pods.Has(g) {
					in = append(in, k)
				}
			}
			c.in[g] = in
		}
		for _, k := range in {
			out[k] = true
		}
	}
	return out
}

// withMembers is the plan with the members that these sets have now.
func withMembers(p Plan, changed map[*clusterSet]bool) Plan {
	for i, f := range []*FamilyPlan{&p.IPv4, &p.IPv6} {
		f.Sets = slices.Clone(f.Sets)
		for k := range changed {
			if at, ok := slices.BinarySearchFunc(f.Sets, k.names[i], func(s Set, name SetName) int { return cmp.Compare(s.Name, name) }); ok {
				f.Sets[at].Members = k.members[i]
			}
		}
	}
	return p
}

// clusterSet returns the set of what add adds for each of the pods. It is filled when it is
// known that a rule needs it.
func (c *compiler) clusterSet(role Role, kind SetKind, key string, pods match.Choice, add func(*set, *model.Pod)) *set {
	return c.sets.get(role, kind, key, func(s *set) {
		id := string(role) + " " + key
		k, ok := c.kept.sets[id]
		if !ok {
			k = &clusterSet{}
			c.kept.sets[id] = k
		}
		k.pods, k.add, s.cluster = pods, add, k
	})
}

// fill fills the cluster sets that rules need.
func (c *compiler) fill() {
	for _, ch := range c.chains {
		for _, a := range ch.allows {
			for _, s := range []*set{a.peer.set, a.ports.named} {
				if s == nil || s.cluster == nil {
					continue
				}
				s.cluster.used = true
				if !s.cluster.filled {
					s.cluster.refresh(&c.kept.cluster, &c.kept.scratch)
				}
			}
		}
	}
}

// refresh brings the members up to date with what the last Update has changed. Members are
// gathered in scratch.
func (k *clusterSet) refresh(x *match.Index, scratch *set) {
	if k.filled && !x.Fresh() {
		k.patch(x)
		return
	}
	k.filled = true
	for i := range scratch.members {
		scratch.members[i] = scratch.members[i][:0]
	}
	for p := range k.pods.Pods() {
		k.add(scratch, p)
	}
	for i := range scratch.members {
		members := slices.DeleteFunc(sortMembers(scratch.members[i]), func(m Member) bool { return x.Double(m.Addr()) })
		k.members[i] = append([]Member(nil), members...)
	}
}

// patch replaces the members with touched addresses by what the owners of these addresses
// are now. Nothing else can have changed.
func (k *clusterSet) patch(x *match.Index) {
	var now set
	for p := range k.pods.Touched() {
		k.add(&now, p)
	}
	touched := x.Touched()
	for i := range k.members {
		add := slices.DeleteFunc(now.members[i], func(m Member) bool {
			_, ok := touched[m.Addr()]
			return !ok || x.Double(m.Addr())
		})
		k.members[i] = replaceMembers(k.members[i], families[i], touched, sortMembers(add))
	}
}

// replaceMembers replaces the members of the touched addresses by others, both sorted. It
// gives back the slice itself when nothing changes.
func replaceMembers(members []Member, f model.Family, touched map[netip.Addr]struct{}, by []Member) []Member {
	var gone [][2]int // from, to
	var old []Member
	for ip := range touched {
		if model.FamilyOf(ip) != f {
			continue
		}
		from, _ := slices.BinarySearchFunc(members, ip, func(m Member, ip netip.Addr) int { return m.Addr().Compare(ip) })
		to := from
		for to < len(members) && members[to].Addr() == ip {
			to++
		}
		if to > from {
			gone = append(gone, [2]int{from, to})
			old = append(old, members[from:to]...)
		}
	}
	slices.SortFunc(old, Member.Compare)
	if slices.Equal(old, by) {
		return members
	}
	if len(members)-len(old)+len(by) == 0 {
		return nil // as from scratch
	}
	slices.SortFunc(gone, func(a, b [2]int) int { return a[0] - b[0] })
	rest := make([]Member, 0, len(members)-len(old)+len(by))
	from := 0
	for _, g := range append(gone, [2]int{len(members), len(members)}) {
		rest = mergeInto(rest, members[from:g[0]], &by)
		from = g[1]
	}
	return append(rest, by...)
}

// mergeInto appends a run of members, with those of by that sort before its last one.
func mergeInto(out, run []Member, by *[]Member) []Member {
	for len(*by) > 0 && len(run) > 0 {
		at, _ := slices.BinarySearchFunc(run, (*by)[0], Member.Compare)
		out, run = append(out, run[:at]...), run[at:]
		if len(run) > 0 {
			out, *by = append(out, (*by)[0]), (*by)[1:]
		}
	}
	return append(out, run...)
}

// sortMembers sorts in place, and drops what is there twice.
func sortMembers(members []Member) []Member {
	slices.SortFunc(members, Member.Compare)
	return slices.Compact(members)
}
