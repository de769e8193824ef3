package migrate

import (
	"fmt"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/suites/cases"
)

// Sources that several rules have.
const (
	apiDocs      = "https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/"
	npPage       = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
	aksMigration = "https://learn.microsoft.com/azure/aks/migrate-from-npm-to-cilium-network-policy"
	aksPolicies  = "https://learn.microsoft.com/azure/aks/use-network-policies"
	aksCilium    = "https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium"
	ciliumDocs   = "https://docs.cilium.io/en/stable/network/kubernetes/policy/"
)

// felixWindows is where Calico writes rules for Windows, and leaves out what it can't.
const felixWindows = "https://github.com/projectcalico/calico/blob/a0db560f0520/felix/dataplane/windows/policysets/policysets.go"

// leftOut is what Azure NPM on Windows does with a policy that it can't translate.
const leftOut = "leaves the whole policy out and logs an error, so that it isolates nobody"

// blockRules are about ipBlocks and whose addresses they hold.
func blockRules() []Rule {
	return []Rule{
		{
			Name: "ipblock-pods", Title: "the block holds addresses of pods",
			Spec: "lets the block stand for every address in it, those of pods too", Source: apiDocs,
			Instead:  "beside the ipBlock, a peer that selects the pods: namespaceSelector, and podSelector if not all are meant",
			Cases:    []string{"ipblock-addresses", "ipblock-everything", "ipblock-nested", "port-named-by-address"},
			Features: []cases.Feature{cases.IPBlock},
			Engines: map[string]Behaviour{
				cilium: {Effect: Closed, Does: "lets a block stand for no pod, whatever its address (1.20 has policy-cidr-match-mode=pods for it, which AKS does not offer)", Source: aksMigration + "#networkpolicy-with-ipblock"},
			},
			policy: func(w *world, p *netv1.NetworkPolicy) []place {
				return inBlocks(p, func(_ ruleAt, b block) string { return w.holdsPods(b) })
			},
		},
		{
			Name: "ipblock-nodes", Title: "the block holds addresses of nodes",
			Spec: "lets the block stand for every address in it, those of nodes and of pods with hostNetwork too", Source: npPage,
			Instead:  "a CiliumNetworkPolicy with toEntities or fromEntities [host, remote-node]; it can be written only after the change, and until then the nodes are cut off",
			Cases:    []string{"node-by-ipblock", "node-as-destination", "node-egress-port", "host-network-by-ipblock"},
			Features: []cases.Feature{cases.IPBlock, cases.NodeTraffic},
			Engines: map[string]Behaviour{
				cilium: {Effect: Closed, Does: "lets a block stand for no node (policy-cidr-match-mode=nodes changes that, which AKS does not offer)", Source: aksMigration + "#networkpolicy-with-ipblock"},
			},
			policy: func(w *world, p *netv1.NetworkPolicy) []place {
				return inBlocks(p, func(_ ruleAt, b block) string { return w.holdsNodes(b) })
			},
		},
		{
			Name: "ipblock-except", Title: "the block has an except",
			Spec: "takes the excepted addresses out of the block", Source: apiDocs,
			Instead:  "the blocks that remain, each a peer of its own",
			Cases:    []string{"ipblock-ingress-except", "ipblock-egress-except-union", "ipblock-three-excepts-ingress"},
			Features: []cases.Feature{cases.Except},
			Engines: map[string]Behaviour{
				azureNPMWindows: {Effect: Open, Does: leftOut + ": it has no except", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				calicoWindows:   {Effect: Closed, Does: "allows nothing of such a block, and logs a warning: it leaves out what says what must not match", Source: felixWindows + " (ruleHasNegativeMatches)"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inBlocks(p, func(_ ruleAt, b block) string {
					if len(b.except) == 0 {
						return ""
					}
					return fmt.Sprintf("%s but %s", b.cidr, plural(len(b.except), "block"))
				})
			},
		},
		manyBlocks(),
	}
}

// fewBlocks is how many ipBlocks a policy can have that is unlikely to meet Azure NPM's race.
const fewBlocks = 4

func manyBlocks() Rule {
	return Rule{
		Name: "ipblock-many", Title: "the policy has more than four ipBlocks",
		Spec: "changes what a policy allows at once when it is edited", Source: npPage,
		Instead:  "policies of at most four ipBlocks each, for as long as the old engine runs",
		Cases:    []string{"ipblock-many-ingress", "blocks-thousand-ingress"},
		Features: []cases.Feature{cases.IPBlock},
		Engines: map[string]Behaviour{
			azureNPM: {Effect: Varies, Does: "can lose a race while such a policy is edited or deleted, and opens the node until it has started again, some 15 s later", Source: aksPolicies + "#editingdeleting-network-policies"},
		},
		policy: func(_ *world, p *netv1.NetworkPolicy) []place {
			all := inBlocks(p, func(ruleAt, block) string { return "a block" })
			if len(all) <= fewBlocks {
				return nil
			}
			return []place{{field: "spec", detail: plural(len(all), "ipBlock")}}
		},
	}
}

// familyRules are about IPv6.
func familyRules() []Rule {
	const npmLeavesOut = "leaves the whole policy out, so that it isolates nobody: it has no IPv6"
	return []Rule{
		{
			Name: "ipv6-block", Title: "the block is an IPv6 one",
			Spec: "takes blocks of both families on any cluster", Source: apiDocs,
			Instead:  "a policy of its own for the IPv6 blocks, which is applied when the old engine is gone",
			Cases:    []string{"ipblock-everything", "outside-unaligned-ingress", "outside-excepts-at-edges-ingress"},
			Features: []cases.Feature{cases.IPBlock},
			Engines: map[string]Behaviour{
				azureNPM:        {Effect: Open, Does: npmLeavesOut, Source: "docs/peers.md#cases-that-failed-and-why"},
				azureNPMWindows: {Effect: Open, Does: npmLeavesOut, Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				kubeRouter:      {Effect: Open, Before: "2.0", Does: "gives up its whole sync, for all pods of the cluster, while there is such a policy", Source: "docs/peers.md#cases-that-failed-and-why"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inBlocks(p, func(_ ruleAt, b block) string {
					if b.cidr.Addr().Is4() {
						return ""
					}
					return b.cidr.String()
				})
			},
		},
		{
			Name: "ipv6-pods", Title: "the policy isolates pods that have IPv6 addresses",
			Spec: "isolates pods on both families", Source: npPage,
			Cases:    []string{"ipblock-one-family", "isolation-deny-ingress", "isolation-deny-egress"},
			Features: []cases.Feature{cases.DualStack, cases.DefaultDeny},
			Engines: map[string]Behaviour{
				azureNPM:        {Effect: Open, Does: "isolates nothing on IPv6, which it does not have", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				azureNPMWindows: {Effect: Open, Does: "isolates nothing on IPv6, which it does not have", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				kubeRouter:      {Effect: Open, Before: "2.0", Does: "isolates nothing on IPv6, which its version 1 does not have", Source: "https://github.com/cloudnativelabs/kube-router/blob/v1.6.1/docs/ipv6.md"},
			},
			policy: ipv6Pods,
		},
	}
}

func ipv6Pods(w *world, p *netv1.NetworkPolicy) []place {
	if !w.Real || !isolates(p, netv1.PolicyTypeIngress) && !isolates(p, netv1.PolicyTypeEgress) {
		return nil
	}
	for _, pod := range w.selects(p) {
		for _, a := range pod.IPs {
			if a.Is6() {
				return []place{{field: "spec.podSelector", detail: fmt.Sprintf("%s has %s", pod.Key(), a)}}
			}
		}
	}
	return nil
}
