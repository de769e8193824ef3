package migrate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/cases"
)

// egressToNode is where kube-network-policies began to look at packets to the node itself. kindnet has
// the version before it.
const egressToNode = "https://github.com/kubernetes-sigs/kube-network-policies/pull/339"

// nodeRules are about traffic between a pod and its own node.
func nodeRules() []Rule {
	return []Rule{{
		Name: "own-node-egress", Title: "the policy isolates pods for egress, which may need their own node (node-local DNS, agents, metadata proxies)",
		Spec: "holds egress rules against the pod's own node as against any other address", Source: apiDocs,
		Instead:  "a rule for what the pods need of their node: an ipBlock of the nodes and a port; on Cilium a CiliumNetworkPolicy with toEntities [host]",
		Cases:    []string{"node-as-destination", "node-deny-egress"},
		Features: []cases.Feature{cases.Egress, cases.NodeTraffic},
		Engines: map[string]Behaviour{
			azureNPM: {Effect: Open, Does: "lets pods reach their own node whatever egress rules say", Source: aksMigration + "#networkpolicy-with-egress-policies"},
			kindnet:  {Effect: Open, Does: "lets pods reach their own node whatever egress rules say, DNS by UDP aside: it looks at packets that leave the node (the postrouting hook)", Source: egressToNode},
			knp:      {Effect: Open, Before: "1.1", Does: "lets pods reach their own node whatever egress rules say, DNS by UDP aside: it looks at packets that leave the node", Source: egressToNode},
		},
		policy: func(_ *world, p *netv1.NetworkPolicy) []place {
			if !isolates(p, netv1.PolicyTypeEgress) {
				return nil
			}
			return []place{{field: "spec.policyTypes"}}
		},
	}}
}

// serviceRules are about Services that lead in from outside, and out through them.
func serviceRules() []Rule {
	return []Rule{
		{
			Name: "nodeport-ingress", Title: "the policy isolates pods for ingress that a Service lets in from outside, by externalTrafficPolicy Cluster",
			Spec: "holds ingress rules against what comes by a node port or a load balancer too", Source: npPage,
			Instead:  "a rule that lets in who should come by the Service: with externalTrafficPolicy Local by the clients' addresses, else from anywhere on the port; or loadBalancerSourceRanges",
			Cases:    []string{"nodeport-deny-ingress", "nodeport-peer", "nodeport-target-port"},
			Features: []cases.Feature{cases.Ingress, cases.NodePorts},
			Engines: map[string]Behaviour{
				azureNPM: {Effect: Open, Does: "does not hold ingress rules against what comes by such a Service", Source: aksMigration + "#ingress-policy-behavior-changes"},
				calico:   {Effect: Varies, Does: "holds ingress rules against the client where the pod is on the node that was dialed, and against that node where it is on another (iptables and nftables; not with eBPF)", Source: "https://github.com/projectcalico/calico/issues/9869"},
			},
			policy: func(w *world, p *netv1.NetworkPolicy) []place {
				if !isolates(p, netv1.PolicyTypeIngress) {
					return nil
				}
				if s := w.fronting(p); s != nil {
					return []place{{field: "spec.ingress", detail: fmt.Sprintf("%s %s/%s", s.Type, s.Namespace, s.Name)}}
				}
				return nil
			},
		},
		{
			Name: "egress-by-service", Title: "the block lets out to nodes or load balancers, which are ways to pods of the cluster",
			Spec: "lets what the block allows reach a pod by a node port or a load balancer's address, where the block holds the pod or the address that was dialed", Source: npPage,
			Instead:  "beside the ipBlock, a peer that selects the pods behind the Service, with their own port",
			Cases:    []string{"nodeport-egress-any-block"},
			Features: []cases.Feature{cases.Egress, cases.IPBlock, cases.NodePorts},
			Engines: map[string]Behaviour{
				cilium: {Effect: Closed, Does: "translates the Service's address to the pod's before it looks at policies, and lets a block stand for no pod", Source: "https://docs.cilium.io/en/stable/network/kubernetes/kubeproxy-free/"},
			},
			policy: func(w *world, p *netv1.NetworkPolicy) []place {
				return inBlocks(p, func(r ruleAt, b block) string {
					if r.direction != netv1.PolicyTypeEgress {
						return ""
					}
					return w.leadsBack(b)
				})
			},
		},
	}
}

// fronting is a Service that lets pods of a policy in from outside and hides who comes.
func (w *world) fronting(p *netv1.NetworkPolicy) *inventory.Service {
	pods := w.selects(p)
	for i := range w.Services {
		s := &w.Services[i]
		if !outside(s) || s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
			continue
		}
		for _, pod := range pods {
			if s.Selects(*pod) {
				return s
			}
		}
	}
	return nil
}

// leadsBack says by which Service an address of the block leads back to pods, "" for none.
func (w *world) leadsBack(b block) string {
	nodes := w.holdsNodes(b) != ""
	for i := range w.Services {
		s := &w.Services[i]
		if !outside(s) || len(s.Selector) == 0 {
			continue
		}
		for _, a := range s.ExternalIPs {
			if b.has(a) {
				return fmt.Sprintf("%s holds %s of %s %s/%s", b.cidr, a, s.Type, s.Namespace, s.Name)
			}
		}
		if nodes || b.cidr.Bits() == 0 {
			return fmt.Sprintf("%s holds nodes, which answer for %s %s/%s", b.cidr, s.Type, s.Namespace, s.Name)
		}
	}
	return ""
}

// outside reports whether a Service is reached from outside of the cluster.
func outside(s *inventory.Service) bool {
	return s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer
}
