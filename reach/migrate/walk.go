package migrate

import (
	"fmt"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/oracle"
)

// ruleAt is a rule of a policy and where it stands.
type ruleAt struct {
	oracle.Rule
	direction netv1.PolicyType
	field     string // "spec.egress[0]"
	peers     string // "from" or "to"
}

// rulesOf are the rules of a policy in the directions that it is about.
func rulesOf(p *netv1.NetworkPolicy) (all []ruleAt) {
	for _, d := range oracle.PolicyTypes(&p.Spec) {
		list, peers := "ingress", "from"
		if d == netv1.PolicyTypeEgress {
			list, peers = "egress", "to"
		}
		for i, r := range oracle.Rules(&p.Spec, d) {
			all = append(all, ruleAt{r, d, fmt.Sprintf("spec.%s[%d]", list, i), peers})
		}
	}
	return all
}

// inBlocks finds places in the ipBlocks of a policy, by what look says of one; "" is nothing.
func inBlocks(p *netv1.NetworkPolicy, look func(r ruleAt, b block) string) (all []place) {
	for _, r := range rulesOf(p) {
		for i, peer := range r.Peers {
			if peer.IPBlock == nil {
				continue
			}
			if b, ok := readBlock(peer.IPBlock); ok {
				if detail := look(r, b); detail != "" {
					all = append(all, place{field: fmt.Sprintf("%s.%s[%d].ipBlock", r.field, r.peers, i), detail: detail})
				}
			}
		}
	}
	return all
}

// inPorts finds places in the ports of a policy, as inBlocks does.
func inPorts(p *netv1.NetworkPolicy, look func(r ruleAt, port netv1.NetworkPolicyPort) string) (all []place) {
	for _, r := range rulesOf(p) {
		for i, port := range r.Ports {
			if detail := look(r, port); detail != "" {
				all = append(all, place{field: fmt.Sprintf("%s.ports[%d]", r.field, i), detail: detail})
			}
		}
	}
	return all
}

// inSelectors finds places in the expressions of a policy's selectors, as inBlocks does.
func inSelectors(p *netv1.NetworkPolicy, look func(namespace bool, e metav1.LabelSelectorRequirement) string) (all []place) {
	one := func(field string, namespace bool, s *metav1.LabelSelector) {
		if s == nil {
			return
		}
		for i, e := range s.MatchExpressions {
			if detail := look(namespace, e); detail != "" {
				all = append(all, place{field: fmt.Sprintf("%s.matchExpressions[%d]", field, i), detail: detail})
			}
		}
	}
	one("spec.podSelector", false, &p.Spec.PodSelector)
	for _, r := range rulesOf(p) {
		for i, peer := range r.Peers {
			at := fmt.Sprintf("%s.%s[%d]", r.field, r.peers, i)
			one(at+".podSelector", false, peer.PodSelector)
			one(at+".namespaceSelector", true, peer.NamespaceSelector)
		}
	}
	return all
}
