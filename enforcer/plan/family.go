package plan

import (
	"cmp"
	"slices"

	"github.com/netassay/netassay/model"
)

// icmp6Types must never be judged: multicast listener queries and reports (130-132),
// neighbour discovery (133-137) and version 2 listener reports (143). They keep a link
// alive and are no traffic of a pod (RFC 4890, section 4.4.1).
var icmp6Types = [...]ICMPv6{130, 131, 132, 133, 134, 135, 136, 137, 143}

// assembly collects one family's plan.
type assembly struct {
	family model.Family
	names  namer
	sets   map[SetName]Set
	chains []Chain
	rules  []Rule // where those of a chain are gathered, so that it has no more room than it needs
}

// family writes the skeleton and the namespace chains for one family. A namespace is in
// it when a pod that it isolates has an address of the family.
func (c *compiler) family(f model.Family, chains []*namespaceChain) FamilyPlan {
	a := &assembly{family: f, names: c.names, sets: map[SetName]Set{}}
	dispatch := map[direction][]Rule{}
	for _, ch := range chains {
		if len(ch.isolated.members[index(f)]) > 0 {
			dispatch[ch.direction] = append(dispatch[ch.direction], a.addChain(ch))
		}
	}
	entry := c.shortcuts(f)
	from, to := c.unknown(f, egress), c.unknown(f, ingress)
	if len(from) > 0 {
		a.use(c.known)
	}
	toEgress, toIngress := Rule{Verdict: Jump{ChainEgress}}, Rule{Verdict: Jump{ChainIngress}}
	a.chains = append(a.chains,
		Chain{Name: ChainForward, Rules: slices.Concat(entry, from, to, []Rule{toEgress, toIngress})},
		Chain{Name: ChainHost, Rules: slices.Concat(entry, from, []Rule{toEgress})},
		Chain{Name: ChainEgress, Rules: append(dispatch[egress], Rule{Verdict: Return{}})},
		Chain{Name: ChainIngress, Rules: append(dispatch[ingress], Rule{Verdict: Return{}})},
	)
	return a.finish()
}

// shortcuts are the rules before any judgement: packets of known flows, related errors,
// and what keeps an IPv6 link alive.
func (c *compiler) shortcuts(f model.Family) []Rule {
	pass := []Condition{KnownOrRelated}
	if c.opts.Existing == Cut {
		pass = []Condition{Related, ReplyOfKnown}
	}
	if f == model.IPv6 {
		for _, t := range icmp6Types {
			pass = append(pass, t)
		}
	}
	rules := make([]Rule, len(pass))
	for i, condition := range pass {
		rules[i] = Rule{Match{condition}, Return{}}
	}
	return rules
}

// addChain writes a namespace's chain and returns the rule that leads there. The jump is a
// goto: an address belongs to one pod in one namespace, so nothing after it concerns the
// packet in this direction, and a RETURN goes on to the other direction.
func (a *assembly) addChain(ch *namespaceChain) (lead Rule) {
	name := a.names.chain(ch.direction.dispatch(), ch.direction.String()+" "+ch.namespace)
	a.rules = a.rules[:0]
	seen := map[[mostConditions]Condition]bool{}
	for _, w := range ch.allows {
		var key [mostConditions]Condition
		conditions, ok := w.conditions(key[:0], ch.direction, a.family)
		if !ok || seen[key] {
			continue
		}
		seen[key] = true
		a.rules = append(a.rules, Rule{slices.Concat(Match{w.note}, conditions), Return{}})
		a.use(w.subjects, w.peer.set, w.peer.excepts, w.ports.named)
	}
	a.chains = append(a.chains, Chain{Name: name, Rules: slices.Concat(a.rules, []Rule{{Verdict: Drop{}}})})
	a.use(ch.isolated)
	return Rule{
		Match{Note{About: ch.namespace}, ch.isolated.holds(a.family, ch.direction.subject())},
		Goto{name},
	}
}

// use makes the sets part of the plan. An empty set of excepts is not matched against and
// stays out, as do absent ones.
func (a *assembly) use(sets ...*set) {
	for _, s := range sets {
		if s == nil || s.empty(a.family) {
			continue
		}
		i := index(a.family)
		a.sets[s.names[i]] = Set{Name: s.names[i], Role: s.role, Kind: s.kind, Family: a.family, Members: s.members[i]}
	}
}

func (a *assembly) finish() FamilyPlan {
	p := FamilyPlan{
		Family: a.family,
		Chains: a.chains,
		Hooks:  []Hook{{From: Forwarded, To: ChainForward}, {From: ToNode, To: ChainHost}},
	}
	for _, s := range a.sets {
		p.Sets = append(p.Sets, s)
	}
	slices.SortFunc(p.Sets, func(x, y Set) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(p.Chains, func(x, y Chain) int { return cmp.Compare(x.Name, y.Name) })
	return p
}
