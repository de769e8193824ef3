package plan

import (
	"cmp"
	"slices"
	"strconv"
)

// icmp6Types must never be judged: multicast listener queries and reports (130-132),
// neighbour discovery (133-137) and version 2 listener reports (143). They keep a link
// alive and are no traffic of a pod (RFC 4890, section 4.4.1).
var icmp6Types = [...]int{130, 131, 132, 133, 134, 135, 136, 137, 143}

// assembly collects one family's plan.
type assembly struct {
	family Family
	names  namer
	sets   map[string]Set
	chains []Chain
}

// family writes the skeleton and the namespace chains for one family. A namespace is in
// it when a pod that it isolates has an address of the family.
func (c *compiler) family(f Family, chains []*namespaceChain) FamilyPlan {
	a := &assembly{family: f, names: c.names, sets: map[string]Set{}}
	dispatch := map[direction][]string{}
	for _, ch := range chains {
		if len(ch.isolated.members[f.index()]) > 0 {
			dispatch[ch.direction] = append(dispatch[ch.direction], a.addChain(ch))
		}
	}
	entry := c.shortcuts(f)
	from, to := c.unknown(f, egress), c.unknown(f, ingress)
	if len(from) > 0 {
		a.use(c.known)
	}
	a.chains = append(a.chains,
		Chain{Name: ChainForward, Rules: slices.Concat(entry, from, to, []string{"-j " + ChainEgress, "-j " + ChainIngress})},
		Chain{Name: ChainHost, Rules: slices.Concat(entry, from, []string{"-j " + ChainEgress})},
		Chain{Name: ChainEgress, Rules: append(dispatch[egress], "-j RETURN")},
		Chain{Name: ChainIngress, Rules: append(dispatch[ingress], "-j RETURN")},
	)
	return a.finish()
}

// shortcuts are the rules before any judgement: packets of known flows, related errors,
// and what keeps an IPv6 link alive.
func (c *compiler) shortcuts(f Family) []string {
	rules := []string{"-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"}
	if c.opts.Existing == Cut {
		rules = []string{
			"-m conntrack --ctstate RELATED -j RETURN",
			"-m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN",
		}
	}
	if f == IPv4 {
		return rules
	}
	for _, t := range icmp6Types {
		rules = append(rules, "-p ipv6-icmp -m icmp6 --icmpv6-type "+strconv.Itoa(t)+" -j RETURN")
	}
	return rules
}

// addChain writes a namespace's chain and returns the rule that leads there. The jump is a
// goto: an address belongs to one pod in one namespace, so nothing after it concerns the
// packet in this direction, and a RETURN goes on to the other direction.
func (a *assembly) addChain(ch *namespaceChain) (lead string) {
	name := a.names.name(ch.direction.dispatch()+"-", "chain "+ch.direction.String()+" "+ch.namespace)
	chain := Chain{Name: name}
	seen := map[string]bool{}
	for _, w := range ch.allows {
		text, ok := w.line(ch.direction, a.family)
		if !ok || seen[text] {
			continue
		}
		seen[text] = true
		chain.Rules = append(chain.Rules, comment(w.origin)+" "+text)
		a.use(w.subjects, w.peer.set, w.peer.excepts, w.ports.named)
	}
	chain.Rules = append(chain.Rules, "-j DROP")
	a.chains = append(a.chains, chain)
	a.use(ch.isolated)
	return comment(ch.namespace) + " " + ch.isolated.match(a.family, ch.direction.subject()) + " -g " + name
}

// use makes the sets part of the plan. An empty set of excepts is not matched against and
// stays out, as do absent ones.
func (a *assembly) use(sets ...*set) {
	for _, s := range sets {
		if s == nil || s.empty(a.family) {
			continue
		}
		name := s.names[a.family.index()]
		a.sets[name] = Set{Name: name, Role: s.role, Kind: s.kind, Family: a.family, Members: s.members[a.family.index()]}
	}
}

func (a *assembly) finish() FamilyPlan {
	p := FamilyPlan{
		Family: a.family,
		Chains: a.chains,
		Hooks:  []Hook{{From: "FORWARD", To: ChainForward}, {From: "INPUT", To: ChainHost}},
	}
	for _, s := range a.sets {
		p.Sets = append(p.Sets, s)
	}
	slices.SortFunc(p.Sets, func(x, y Set) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(p.Chains, func(x, y Chain) int { return cmp.Compare(x.Name, y.Name) })
	return p
}
