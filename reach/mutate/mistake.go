package mutate

import (
	"fmt"
	"slices"

	netv1 "k8s.io/api/networking/v1"
)

// Kind is a way to get a policy wrong.
type Kind string

// The kinds.
const (
	PolicyRemoved      Kind = "policy removed"
	DirectionRemoved   Kind = "direction removed"
	DirectionAdded     Kind = "direction added"
	RuleDropped        Kind = "rule dropped"
	PeersDropped       Kind = "peers dropped" // the rule is open to everybody
	PeerDropped        Kind = "peer dropped"
	SelectorWidened    Kind = "selector widened"
	NamespaceDropped   Kind = "namespace selector dropped"
	PodSelectorDropped Kind = "pod selector dropped"
	AndOr              Kind = "and and or confused"
	PortDropped        Kind = "port dropped"
	PortOffByOne       Kind = "port off by one"
	ProtocolSwapped    Kind = "protocol swapped"
	ExceptDropped      Kind = "except dropped"
	BlockWidened       Kind = "block widened"
)

// Kinds are all of them, in the order of reports.
func Kinds() []Kind {
	return []Kind{
		PolicyRemoved, DirectionRemoved, DirectionAdded, RuleDropped, PeersDropped, PeerDropped, SelectorWidened, NamespaceDropped,
		PodSelectorDropped, AndOr, PortDropped, PortOffByOne, ProtocolSwapped, ExceptDropped, BlockWidened,
	}
}

// Mistake is a set of policies with one thing wrong.
type Mistake struct {
	Kind   Kind
	Policy string // namespace/name of the one that is wrong
	Field  string // where, "spec.ingress[0].from[1]"; "" for all of it
	Detail string // what is wrong, a clause
	// Policies are all of them, this one changed or gone.
	Policies []*netv1.NetworkPolicy
}

// String tells the mistake in a line.
func (m Mistake) String() string {
	if m.Field == "" {
		return fmt.Sprintf("%s: %s", m.Policy, m.Detail)
	}
	return fmt.Sprintf("%s %s: %s", m.Policy, m.Field, m.Detail)
}

// Mistakes are all single mistakes in a set of policies, in the order of the policies.
func Mistakes(policies []*netv1.NetworkPolicy) []Mistake {
	var all []Mistake
	for i, p := range policies {
		m := maker{all: policies, at: i}
		m.add(PolicyRemoved, "", "the policy is gone", nil)
		m.directions()
		m.subject()
		for _, d := range []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress} {
			m.rules(p, d)
		}
		all = append(all, m.made...)
	}
	return all
}

// maker makes the mistakes of one policy.
type maker struct {
	all  []*netv1.NetworkPolicy
	at   int
	made []Mistake
}

// add makes one, by what wrong does to a copy of the policy; nil takes the policy away.
func (m *maker) add(kind Kind, field, detail string, wrong func(p *netv1.NetworkPolicy)) {
	p := m.all[m.at]
	policies := slices.Clone(m.all)
	if wrong == nil {
		policies = slices.Delete(policies, m.at, m.at+1)
	} else {
		policies[m.at] = p.DeepCopy()
		wrong(policies[m.at])
	}
	m.made = append(m.made, Mistake{Kind: kind, Policy: p.Namespace + "/" + p.Name, Field: field, Detail: detail, Policies: policies})
}
