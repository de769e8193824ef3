package hns

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// Endpoint is a pod of a node.
type Endpoint struct {
	IPs     []netip.Addr
	NodeIPs []netip.Addr // of its own node, which is always let in
}

// Problem is something in a policy that ACLs can't say. It allows nothing.
type Problem struct {
	Policy string // namespace/name
	Field  string
	Detail string
}

// renderer makes the ACLs of one endpoint.
type renderer struct {
	endpoint Endpoint
	family   model.Family
	sets     map[plan.SetName]plan.Set
	ip       netip.Addr // the endpoint's of the family
	acls     []ACL
	problems []Problem
}

// Render makes the ACLs of an endpoint from the plan of its node.
func Render(p plan.Plan, e Endpoint) ([]ACL, []Problem) {
	var acls []ACL
	var problems []Problem
	for _, f := range p.Families() {
		r := renderer{endpoint: e, family: f.Family, sets: map[plan.SetName]plan.Set{}, ip: f.Family.First(e.IPs)}
		if !r.ip.IsValid() {
			continue
		}
		for _, s := range f.Sets {
			r.sets[s.Name] = s
		}
		r.direction(f, plan.ChainIngress, in)
		r.direction(f, plan.ChainEgress, out)
		acls, problems = append(acls, r.acls...), append(problems, r.problems...)
	}
	slices.SortStableFunc(acls, func(a, b ACL) int { return int(a.Priority) - int(b.Priority) })
	return acls, slices.Compact(problems)
}

// direction makes the ACLs of one direction: what the chains that isolate the endpoint let pass,
// and a block of the rest.
func (r *renderer) direction(f plan.FamilyPlan, dispatch plan.ChainName, direction string) {
	chains := r.isolating(f, dispatch)
	whole := joined([]netip.Prefix{all(r.family)})
	if len(chains) == 0 {
		r.add(ACL{Action: allow, Direction: direction, RemoteAddresses: whole, Priority: everything})
		return
	}
	r.add(ACL{Action: block, Direction: direction, RemoteAddresses: whole, Priority: isolated})
	if direction == in {
		r.node()
	}
	if len(chains) > 1 { // pods of two namespaces with one address: both must allow, which ACLs can't say
		r.problems = append(r.problems, Problem{Detail: "an address of pods of several namespaces lets nothing pass"})
		return
	}
	for _, c := range f.Chains {
		if c.Name != chains[0] {
			continue
		}
		for _, rule := range c.Rules {
			if _, ok := rule.Verdict.(plan.Return); ok {
				r.rule(rule.Match, direction)
			}
		}
	}
}

// isolating are the chains of namespaces that judge the endpoint.
func (r *renderer) isolating(f plan.FamilyPlan, dispatch plan.ChainName) (chains []plan.ChainName) {
	for _, c := range f.Chains {
		if c.Name != dispatch {
			continue
		}
		for _, rule := range c.Rules {
			to, ok := rule.Verdict.(plan.Jump)
			if ok && !slices.ContainsFunc(rule.Match, func(c plan.Condition) bool {
				s, isSet := c.(plan.InSet)
				return isSet && !r.holds(s)
			}) {
				chains = append(chains, to.To)
			}
		}
	}
	return chains
}

// holds reports whether a set holds the endpoint.
func (r *renderer) holds(c plan.InSet) bool {
	return slices.ContainsFunc(r.sets[c.Set].Members, func(m plan.Member) bool { return m.Prefix().Contains(r.ip) }) != c.Not
}

// node lets the endpoint's own node in.
func (r *renderer) node() {
	var ips []netip.Prefix
	for _, ip := range r.endpoint.NodeIPs {
		if model.FamilyOf(ip) == r.family {
			ips = append(ips, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	if len(ips) > 0 {
		r.add(ACL{Action: allow, Direction: in, RemoteAddresses: joined(ips), Priority: fromNode})
	}
}

func (r *renderer) add(a ACL) {
	a.RuleType = byTheSwitch
	r.acls = append(r.acls, a)
}

func all(f model.Family) netip.Prefix {
	if f == model.IPv4 {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// prefixes are the addresses of a set.
func prefixes(s plan.Set) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, m := range s.Members {
		b.AddPrefix(m.Prefix())
	}
	out, _ := b.IPSet() // members are valid
	return out
}
