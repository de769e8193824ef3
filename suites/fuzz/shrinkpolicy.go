package fuzz

import (
	"maps"
	"slices"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// smallerPolicies are all policies with one piece less.
func smallerPolicies(p *netv1.NetworkPolicy) []*netv1.NetworkPolicy {
	var out []*netv1.NetworkPolicy
	// try makes as many copies as the spec has pieces of some kind, without one piece each.
	try := func(pieces int, take func(s *netv1.NetworkPolicySpec, i int)) {
		for i := range pieces {
			c := p.DeepCopy()
			take(&c.Spec, i)
			out = append(out, c)
		}
	}
	s := &p.Spec
	try(len(s.Ingress), func(s *netv1.NetworkPolicySpec, i int) { s.Ingress = slices.Delete(s.Ingress, i, i+1) })
	try(len(s.Egress), func(s *netv1.NetworkPolicySpec, i int) { s.Egress = slices.Delete(s.Egress, i, i+1) })
	try(len(s.PolicyTypes), func(s *netv1.NetworkPolicySpec, i int) { s.PolicyTypes = slices.Delete(s.PolicyTypes, i, i+1) })
	for _, of := range lists(s) {
		at := func(s *netv1.NetworkPolicySpec) list { return lists(s)[of.index] }
		try(len(*of.peers), func(s *netv1.NetworkPolicySpec, i int) { *at(s).peers = slices.Delete(*at(s).peers, i, i+1) })
		try(len(*of.ports), func(s *netv1.NetworkPolicySpec, i int) { *at(s).ports = slices.Delete(*at(s).ports, i, i+1) })
		for j := range *of.peers {
			peer := func(s *netv1.NetworkPolicySpec) *netv1.NetworkPolicyPeer { return &(*at(s).peers)[j] }
			if both := peer(s); both.PodSelector != nil && both.NamespaceSelector != nil {
				try(1, func(s *netv1.NetworkPolicySpec, _ int) { peer(s).PodSelector = nil })
				try(1, func(s *netv1.NetworkPolicySpec, _ int) { peer(s).NamespaceSelector = nil })
			}
			if b := peer(s).IPBlock; b != nil {
				try(len(b.Except), func(s *netv1.NetworkPolicySpec, i int) { e := &peer(s).IPBlock.Except; *e = slices.Delete(*e, i, i+1) })
			}
		}
	}
	for i, of := range selectors(s) {
		for _, key := range slices.Sorted(maps.Keys(of.MatchLabels)) {
			try(1, func(s *netv1.NetworkPolicySpec, _ int) { delete(selectors(s)[i].MatchLabels, key) })
		}
		for j := range of.MatchExpressions {
			try(len(of.MatchExpressions[j].Values)-1, func(s *netv1.NetworkPolicySpec, n int) {
				v := &selectors(s)[i].MatchExpressions[j].Values
				*v = slices.Delete(*v, n, n+1)
			})
		}
		try(len(of.MatchExpressions), func(s *netv1.NetworkPolicySpec, j int) {
			e := &selectors(s)[i].MatchExpressions
			*e = slices.Delete(*e, j, j+1)
		})
	}
	return out
}

// list is the lists of a rule; index is that of the rule among those of both directions.
type list struct {
	index int
	peers *[]netv1.NetworkPolicyPeer
	ports *[]netv1.NetworkPolicyPort
}

func lists(s *netv1.NetworkPolicySpec) []list {
	var out []list
	for i := range s.Ingress {
		out = append(out, list{len(out), &s.Ingress[i].From, &s.Ingress[i].Ports})
	}
	for i := range s.Egress {
		out = append(out, list{len(out), &s.Egress[i].To, &s.Egress[i].Ports})
	}
	return out
}

// selectors are those of a policy, in a fixed order.
func selectors(s *netv1.NetworkPolicySpec) []*metav1.LabelSelector {
	out := []*metav1.LabelSelector{&s.PodSelector}
	for _, l := range lists(s) {
		for i := range *l.peers {
			p := &(*l.peers)[i]
			out = append(out, p.PodSelector, p.NamespaceSelector)
		}
	}
	return slices.DeleteFunc(out, func(s *metav1.LabelSelector) bool { return s == nil })
}
