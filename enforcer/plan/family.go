package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
)

// Messages that keep a link alive are no traffic of a pod and must never be judged (RFC 4890,
// section 4.4.1): neighbour discovery, and multicast listener queries and reports. What a
// router has forwarded is none of them: it has lost a hop of the 255 that neighbours must see
// (RFC 4861, section 6.1), or would have a source that no router forwards.
var (
	neighbourTypes = [...]ICMPv6{133, 134, 135, 136, 137}
	listenerTypes  = [...]ICMPv6{130, 131, 132, 143}
	linkLocal      = netip.MustParsePrefix("fe80::/10")
)

func (o Options) linkMessages() []Match {
	var out []Match
	for _, t := range listenerTypes {
		out = append(out, Match{InPrefix{linkLocal, Source}, t})
	}
	for _, t := range neighbourTypes {
		m := Match{t, HopLimit(255)}
		if o.lacks(HopLimit(255)) {
			m = m[:1]
		}
		out = append(out, m)
	}
	return out
}

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
		Chain{Name: ChainEntry, Rules: c.forged(f)},
		Chain{Name: ChainForward, Rules: slices.Concat(entry, c.toItself(f), from, to, []Rule{toEgress, toIngress})},
		Chain{Name: ChainHost, Rules: slices.Concat(entry, from, []Rule{toEgress})},
		Chain{Name: ChainEgress, Rules: slices.Concat(c.foreign(f, egress), dispatch[egress], []Rule{{Verdict: Return{}}})},
		Chain{Name: ChainIngress, Rules: slices.Concat(c.foreign(f, ingress), dispatch[ingress], []Rule{{Verdict: Return{}}})},
	)
	a.use(c.links.own)
	a.use(slices.Concat(c.links.all, c.links.single, c.links.closed[egress], c.links.closed[ingress])...)
	return a.finish()
}

// shortcuts are the rules before any judgement: packets of known flows, related errors,
// and what keeps an IPv6 link alive.
func (c *compiler) shortcuts(f model.Family) []Rule {
	pass := []Match{{KnownOrRelated}}
	if c.opts.Existing == Cut {
		pass = []Match{{Related}, {ReplyOfKnown}}
	}
	if f == model.IPv6 {
		pass = append(pass, c.opts.linkMessages()...)
	}
	rules := make([]Rule, len(pass))
	for i, match := range pass {
		rules[i] = Rule{match, Return{}}
	}
	return rules
}

// addChain adds a namespace's chain, written anew if need be, and returns the rule that leads there. What it returns
// goes on to the others: while pods of two namespaces have one address, both must allow.
func (a *assembly) addChain(ch *namespaceChain) (lead Rule) {
	name := a.names.chain(ch.direction.dispatch(), ch.direction.String()+" "+ch.namespace)
	w := ch.written[index(a.family)]
	if w == nil || w.Name != name || !w.current(a.family) {
		w = a.write(ch, name)
		ch.written[index(a.family)] = w
	}
	a.chains = append(a.chains, w.Chain)
	a.use(w.sets...)
	return Rule{
		Match{Note{About: ch.namespace}, ch.isolated.holds(a.family, ch.direction.subject())},
		Jump{name},
	}
}

// writtenChain is a namespace's chain, and the sets that it takes by the names that they had.
type writtenChain struct {
	Chain
	sets  []*set
	names []SetName
}

// current reports whether all sets still have their names.
func (w *writtenChain) current(f model.Family) bool {
	for i, s := range w.sets {
		if s.names[index(f)] != w.names[i] {
			return false
		}
	}
	return true
}

// write writes a namespace's chain.
func (a *assembly) write(ch *namespaceChain, name ChainName) *writtenChain {
	w := &writtenChain{sets: []*set{ch.isolated}}
	a.rules = a.rules[:0]
	seen := map[[mostConditions]Condition]bool{}
	for _, line := range ch.allows {
		var key [mostConditions]Condition
		conditions, ok := line.conditions(key[:0], ch.direction, a.family)
		if !ok || seen[key] {
			continue
		}
		seen[key] = true
		a.rules = append(a.rules, Rule{slices.Concat(Match{line.note}, conditions), Return{}})
		for _, s := range []*set{line.subjects, line.peer.set, line.peer.excepts, line.ports.named} {
			if s != nil {
				w.sets = append(w.sets, s)
			}
		}
	}
	w.Chain = Chain{Name: name, Rules: slices.Concat(a.rules, []Rule{{Verdict: Drop{}}})}
	w.sets = once(w.sets)
	for _, s := range w.sets {
		w.names = append(w.names, s.names[index(a.family)])
	}
	return w
}

// use makes the sets part of the plan. An empty set of excepts is not matched against and
// stays out, as do absent ones.
func (a *assembly) use(sets ...*set) {
	for _, s := range sets {
		if s == nil || s.empty(a.family) {
			continue
		}
		i := index(a.family)
		a.sets[s.names[i]] = Set{Name: s.names[i], Role: s.role, Kind: s.kind, Family: a.family, Members: s.held(i)}
	}
}

func (a *assembly) finish() FamilyPlan {
	p := FamilyPlan{
		Family: a.family,
		Chains: a.chains,
		Hooks:  []Hook{{From: Entering, To: ChainEntry}, {From: Forwarded, To: ChainForward}, {From: ToNode, To: ChainHost}},
	}
	for _, s := range a.sets {
		p.Sets = append(p.Sets, s)
	}
	slices.SortFunc(p.Sets, func(x, y Set) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(p.Chains, func(x, y Chain) int { return cmp.Compare(x.Name, y.Name) })
	return p
}
