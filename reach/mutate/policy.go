package mutate

import (
	"fmt"
	"maps"
	"slices"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/oracle"
)

// directions takes one of a policy's directions away, or adds the one that it lacks.
func (m *maker) directions() {
	types := oracle.PolicyTypes(&m.all[m.at].Spec)
	for _, d := range []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress} {
		switch {
		case !slices.Contains(types, d):
			m.add(DirectionAdded, "spec.policyTypes", fmt.Sprintf("%s is there too", d), func(p *netv1.NetworkPolicy) {
				p.Spec.PolicyTypes = append(slices.Clone(types), d)
			})
		case len(types) > 1:
			m.add(DirectionRemoved, "spec.policyTypes", fmt.Sprintf("%s is missing", d), func(p *netv1.NetworkPolicy) {
				p.Spec.PolicyTypes = slices.DeleteFunc(slices.Clone(types), func(t netv1.PolicyType) bool { return t == d })
			})
		default:
			other := netv1.PolicyTypeEgress
			if d == other {
				other = netv1.PolicyTypeIngress
			}
			m.add(DirectionRemoved, "spec.policyTypes", fmt.Sprintf("%s instead of %s", other, d), func(p *netv1.NetworkPolicy) {
				p.Spec.PolicyTypes = []netv1.PolicyType{other}
			})
		}
	}
}

// subject widens whom the policy selects.
func (m *maker) subject() {
	m.widen("spec.podSelector", &m.all[m.at].Spec.PodSelector, func(p *netv1.NetworkPolicy) *metav1.LabelSelector { return &p.Spec.PodSelector })
}

// widen takes single requirements of a selector away, and all of them when there are several. find
// finds the selector again, in the copy of the policy.
func (m *maker) widen(field string, s *metav1.LabelSelector, find func(p *netv1.NetworkPolicy) *metav1.LabelSelector) {
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		m.add(SelectorWidened, field, fmt.Sprintf("%s=%s is not asked for", key, s.MatchLabels[key]), func(p *netv1.NetworkPolicy) {
			delete(find(p).MatchLabels, key)
		})
	}
	for i, e := range s.MatchExpressions {
		m.add(SelectorWidened, field, fmt.Sprintf("%s %s is not asked for", e.Key, e.Operator), func(p *netv1.NetworkPolicy) {
			one := find(p)
			one.MatchExpressions = slices.Delete(one.MatchExpressions, i, i+1)
		})
	}
	if len(s.MatchLabels)+len(s.MatchExpressions) > 1 {
		m.add(SelectorWidened, field, "nothing is asked for", func(p *netv1.NetworkPolicy) { *find(p) = metav1.LabelSelector{} })
	}
}
