package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/suites/cases"
)

// selectorRules are about what selectors say.
func selectorRules() []Rule {
	return []Rule{
		{
			Name: "not-in-values", Title: "NotIn has several values",
			Spec: "takes NotIn as none of the values", Source: "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#set-based-requirement",
			Instead:  "an expression for each value, which are all needed",
			Cases:    []string{"peer-namespaces-absent-keys", "peer-namespace-not-in-second-value"},
			Features: []cases.Feature{cases.NamespaceSelector, cases.MatchExpressions},
			Engines: map[string]Behaviour{
				azureNPM: {Effect: Open, Does: "lets a namespace in that has one of the values (v1.7.0; mended in September 2026)", Source: "https://github.com/Azure/azure-container-networking/pull/4866"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inSelectors(p, func(namespace bool, e metav1.LabelSelectorRequirement) string {
					if !namespace || e.Operator != metav1.LabelSelectorOpNotIn || len(e.Values) < 2 {
						return ""
					}
					return e.Key + " NotIn " + strings.Join(e.Values, ", ")
				})
			},
		},
		{
			Name: "negative-namespaces", Title: "the egress peer says only which namespaces are not meant",
			Spec: "takes a namespaceSelector as pods of namespaces, and never as an address outside", Source: npPage,
			Instead:  "a label that all meant namespaces have, beside the negative expression",
			Cases:    []string{"outside-negative-selector-egress"},
			Features: []cases.Feature{cases.Egress, cases.OutsideTraffic},
			Engines: map[string]Behaviour{
				azureNPM: {Effect: Open, Does: "lets pods out to any address that is not of the excluded namespaces, also outside of the cluster (v1.7.0; mended in September 2026)", Source: "https://github.com/Azure/azure-container-networking/pull/4868"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place { return negativeNamespaces(p) },
		},
		{
			Name: "negative-selector-windows", Title: "the expression is a negative one",
			Spec: "takes NotIn and DoesNotExist as the API has them", Source: "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#set-based-requirement",
			Instead:  "a label that all who are meant have",
			Cases:    []string{"peer-namespaces-absent-keys", "subject-does-not-exist-ingress", "egress-not-in-all-values"},
			Features: []cases.Feature{cases.MatchExpressions},
			Engines: map[string]Behaviour{
				azureNPMWindows: {Effect: Open, Does: leftOut + ": it has no negative selectors", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inSelectors(p, func(_ bool, e metav1.LabelSelectorRequirement) string {
					if !negative(e) {
						return ""
					}
					return fmt.Sprintf("%s %s", e.Key, e.Operator)
				})
			},
		},
	}
}

func negative(e metav1.LabelSelectorRequirement) bool {
	return e.Operator == metav1.LabelSelectorOpNotIn || e.Operator == metav1.LabelSelectorOpDoesNotExist
}

func negativeNamespaces(p *netv1.NetworkPolicy) (all []place) {
	for _, r := range rulesOf(p) {
		for i, peer := range r.Peers {
			s := peer.NamespaceSelector
			if r.direction != netv1.PolicyTypeEgress || s == nil || peer.PodSelector != nil || len(s.MatchLabels) > 0 || len(s.MatchExpressions) == 0 {
				continue
			}
			positive := false
			for _, e := range s.MatchExpressions {
				positive = positive || !negative(e)
			}
			if !positive {
				all = append(all, place{field: fmt.Sprintf("%s.to[%d].namespaceSelector", r.field, i)})
			}
		}
	}
	return all
}

// longestKey is the longest key of a namespace's label, in characters without a prefix, that
// Calico takes: it puts "pcns." before it, and a label's key ends at 63.
const longestKey = 63 - len("pcns.")

// wholeRules are about more than one policy.
func wholeRules() []Rule {
	noWindows := func(name string) Behaviour {
		return Behaviour{Effect: Open, Does: "enforces nothing on Windows nodes: " + name + " is for Linux", Source: aksPolicies + "#differences-between-network-policy-engines-cilium-azure-npm-and-calico"}
	}
	return []Rule{
		{
			Name: "long-namespace-label", Title: "a label of the namespace has a long key",
			Spec: "takes labels with keys of up to 63 characters", Source: "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set",
			Instead:  "a key of 58 characters at most, or one with a prefix",
			Cases:    []string{"names-long-labels"},
			Features: []cases.Feature{cases.LongNames},
			Engines: map[string]Behaviour{
				calico: {Effect: Closed, Does: "cuts off the pods of the namespace: with its own prefix the key is too long for its validation", Source: "docs/peers.md#what-reports-say"},
			},
			whole: longLabels,
		},
		{
			Name: "windows-nodes", Title: "policies hold on Windows nodes", From: []string{azureNPMWindows, calicoWindows},
			Spec: "enforces them there", Source: aksPolicies,
			Instead:  "Calico on Windows, or network security groups on those nodes",
			Cases:    []string{"isolation-deny-ingress"},
			Features: []cases.Feature{cases.DefaultDeny},
			Engines:  map[string]Behaviour{cilium: noWindows("Cilium"), kindnet: noWindows("kindnet"), kubeRouter: noWindows("kube-router"), reference: noWindows("the reference enforcer"), azureNPM: noWindows("this form of Azure NPM")},
			whole:    windowsNodes,
		},
	}
}

func longLabels(w *world) (all []place) {
	for _, n := range w.Namespaces {
		for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
			if !strings.Contains(key, "/") && len(key) > longestKey {
				all = append(all, place{object: Object{Kind: "Namespace", Name: n.Name}, field: "metadata.labels", detail: fmt.Sprintf("%s has %d characters", key, len(key))})
				break
			}
		}
	}
	return all
}

func windowsNodes(w *world) []place {
	if len(w.Policies) == 0 {
		return nil
	}
	return []place{{object: Object{Kind: "Cluster", Name: "(all of it)"}, field: "NetworkPolicy", detail: plural(len(w.Policies), "NetworkPolicy object")}}
}
