package plan

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
)

// links are the sets that tie addresses to the interfaces of pods. A pod with NET_RAW, which
// it has by default, can send from any address, and every pod has a link-local one that the
// API knows nothing of: policies judge by addresses, so these must be whom they say.
type links struct {
	all    *set    // interfaces that lead to local pods
	single *set    // of these, those with one pod behind them
	own    *set    // addresses of local pods
	closed [2]*set // by direction: interfaces of pods that are isolated, and no rule opens to everything
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
	c.links = links{
		all:    c.sets.get(RoleLink, Links, "all", nil),
		single: c.sets.get(RoleLink, Links, "single", nil),
		own:    c.sets.get(RoleOwn, Addresses, "all", nil),
	}
	all, single := linkNames{}, linkNames{}
	for p := range c.local.All().Pods() {
		c.links.own.addPod(p)
		all.add(p.IPs, c.opts.Links, c.opts.Bridges)
		single.add(p.IPs, c.opts.Links)
	}
	c.links.all.addLinks(all)
	c.links.single.addLinks(single)
	for _, d := range []direction{ingress, egress} {
		closed := linkNames{}
		for _, t := range c.tenants {
			closed.add(t.closed[d], c.opts.Links, c.opts.Bridges)
		}
		c.links.closed[d] = c.sets.get(RoleClosed, Links, d.String(), nil)
		c.links.closed[d].addLinks(closed)
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

// The kernel keeps interfaces that have one prefix in one bucket, and takes no more of anything
// once there are 64 (AHASH_MAX_TUNED in net/netfilter/ipset/ip_set_hash_gen.h). So the first
// linksPerLevel have all addresses as one prefix, the next ones as two halves, then as four
// quarters, and so on. During a change there are the old ones and the new ones.
const (
	linksPerLevel = 28
	linkLevels    = 10
	// MostLinks is how many interfaces a set can have. Pods beyond that are treated as if nobody
	// could tell which is theirs.
	MostLinks = linksPerLevel * linkLevels
)

// addLinks adds interfaces with all addresses of both families: one of another family than the
// API knows of is still the pod's.
func (s *set) addLinks(names linkNames) {
	for i, name := range slices.Sorted(maps.Keys(names)) {
		if i == MostLinks {
			return
		}
		level := i / linksPerLevel
		for part := range 1 << level {
			var first [16]byte
			binary.BigEndian.PutUint16(first[:], uint16(part<<(16-level)))
			s.add(LinkMember(netip.PrefixFrom(netip.AddrFrom4([4]byte(first[:4])), level), name))
			s.add(LinkMember(netip.PrefixFrom(netip.AddrFrom16(first), level), name))
		}
	}
}

// forged drops what comes from a pod's interface with a source that is not behind it,
// whatever the policies: it is only at the node of the sender that this can be known.
func (c *compiler) forged(f model.Family) Rule {
	if c.links.all == nil || c.opts.lacks(Forged{}) {
		return Rule{Verdict: Return{}}
	}
	return Rule{Match{Note{About: ForgedSource}, c.links.all.holds(f, Incoming), Forged{}}, Drop{}}
}

// toItself lets a pod reach itself by a Service, which has its packets leave by the very
// interface that they came by: "a pod cannot block access to itself". That the source is not
// forged, forged has seen to, where the pod has an interface of its own.
func (c *compiler) toItself(f model.Family) []Rule {
	if c.links.all == nil || c.opts.lacks(ToItself{f}) || c.opts.lacks(Forged{}) {
		return nil
	}
	return []Rule{{Match{Note{About: OwnService}, c.links.single.holds(f, Incoming), ToItself{f}}, Return{}}}
}

// foreign drops what a pod that is isolated sends from, or gets at, an address that is not of
// those that the API knows. There is no policy that could speak of it, but one that allows
// everything.
func (c *compiler) foreign(f model.Family, d direction) []Rule {
	if c.links.all == nil {
		return nil
	}
	link := [...]Part{Outgoing, Incoming}[d]
	return []Rule{{Match{Note{About: ForeignAddress}, c.links.closed[d].holds(f, link), c.links.own.lacks(f, d.subject())}, Drop{}}}
}
