package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
)

// links are the sets that tie addresses to the interfaces of pods. A pod with NET_RAW, which
// it has by default, can send from any address, and every pod has a link-local one that the
// API knows nothing of: policies judge by addresses, so these must be whom they say.
type links struct {
	all    []*set    // interfaces that lead to local pods
	single []*set    // of these, those with one pod behind them
	own    *set      // addresses of local pods
	closed [2][]*set // by direction: interfaces of pods that are isolated, and no rule opens to everything
}

// openPod is a pod and a direction in which a rule allows everything.
type openPod struct {
	pod       *model.Pod
	direction direction
}

// bindLinks fills the sets. It comes after all policies.
func (c *compiler) bindLinks() {
	if c.opts.Links == nil {
		return
	}
	c.links.own = c.sets.get(RoleOwn, Addresses, "all", nil)
	all, single := linkNames{}, linkNames{}
	for p := range c.local.All().Pods() {
		c.links.own.addPod(p)
		all.add(p.IPs, c.opts.Links, c.opts.Bridges)
		single.add(p.IPs, c.opts.Links)
	}
	c.links.all = c.linkSets(RoleLink, "all", all)
	c.links.single = c.linkSets(RoleLink, "single", single)
	for _, d := range []direction{ingress, egress} {
		closed := linkNames{}
		for _, t := range c.tenants {
			closed.add(t.closed[d], c.opts.Links, c.opts.Bridges)
		}
		c.links.closed[d] = c.linkSets(RoleClosed, d.String(), closed)
	}
}

// linkNames are names of interfaces.
type linkNames map[string]struct{}

// add adds the interfaces that lead to addresses.
func (l linkNames) add(ips []netip.Addr, of ...map[netip.Addr]string) {
	for _, ip := range ips {
		for _, links := range of {
			if name := links[ip]; name != "" && len(name) <= longestLink {
				l[name] = struct{}{}
			}
		}
	}
}

// linksPerSet is how many interfaces a set has at most. The kernel keeps those with one prefix in
// one bucket, and takes no more once there are 64 (AHASH_MAX_TUNED in
// net/netfilter/ipset/ip_set_hash_gen.h). During a change there are the old ones and the new ones.
// With several prefixes in one set the buckets would have to be so many that no two prefixes share
// one.
const linksPerSet = 28

// linkSets are sets of interfaces with all addresses of both families: one of another family than
// the API knows of is still the pod's. There is one at least. An interface that moves from one to
// the next is for a moment in both, as membership forbids.
func (c *compiler) linkSets(role Role, purpose string, names linkNames) []*set {
	sets := []*set{c.sets.get(role, Links, purpose, nil)}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(names)), linksPerSet) {
		if len(sets[0].members[0]) > 0 {
			sets = append(sets, c.sets.get(role, Links, fmt.Sprint(purpose, len(sets)+1), nil))
		}
		sets[len(sets)-1].addLinks(part)
	}
	return sets
}

func (s *set) addLinks(names []string) {
	for _, name := range names {
		for _, f := range families {
			s.add(LinkMember(f, name))
		}
	}
}

// forged drops what comes from a pod's interface with a source that is not behind it,
// whatever the policies: it is only at the node of the sender that this can be known.
func (c *compiler) forged(f model.Family) (rules []Rule) {
	if c.links.all == nil || c.opts.lacks(Forged{}) {
		return []Rule{{Verdict: Return{}}}
	}
	for _, s := range c.links.all {
		rules = append(rules, Rule{Match{Note{About: ForgedSource}, s.holds(f, Incoming), Forged{}}, Drop{}})
	}
	return rules
}

// toItself lets a pod reach itself by a Service, which has its packets leave by the very
// interface that they came by: "a pod cannot block access to itself". That the source is not
// forged, forged has seen to, where the pod has an interface of its own.
func (c *compiler) toItself(f model.Family) (rules []Rule) {
	if c.opts.lacks(ToItself{f}) || c.opts.lacks(Forged{}) {
		return nil
	}
	for _, s := range c.links.single {
		rules = append(rules, Rule{Match{Note{About: OwnService}, s.holds(f, Incoming), ToItself{f}}, Return{}})
	}
	return rules
}

// foreign drops what a pod that is isolated sends from, or gets at, an address that is not of
// those that the API knows. There is no policy that could speak of it, but one that allows
// everything.
func (c *compiler) foreign(f model.Family, d direction) (rules []Rule) {
	link := [...]Part{Outgoing, Incoming}[d]
	for _, s := range c.links.closed[d] {
		rules = append(rules, Rule{Match{Note{About: ForeignAddress}, s.holds(f, link), c.links.own.lacks(f, d.subject())}, Drop{}})
	}
	return rules
}
