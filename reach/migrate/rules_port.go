package migrate

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/suites/cases"
)

// portRules are about ports and protocols.
func portRules() []Rule {
	return []Rule{
		{
			Name: "end-port", Title: "the port is a range",
			Spec: "allows all ports of the range", Source: apiDocs,
			Instead:  "an entry for each port, or no port at all; or Cilium 1.17 and later",
			Cases:    []string{"port-range", "port-range-egress", "port-range-just-outside"},
			Features: []cases.Feature{cases.EndPort},
			Engines: map[string]Behaviour{
				cilium: {Effect: Closed, Before: "1.17", Does: "ignores endPort without a word: the first port alone is allowed", Source: "https://github.com/cilium/cilium/issues/28684"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inPorts(p, func(_ ruleAt, port netv1.NetworkPolicyPort) string {
					if port.EndPort == nil || port.Port == nil {
						return ""
					}
					return fmt.Sprintf("%d to %d", port.Port.IntVal, *port.EndPort)
				})
			},
		},
		{
			Name: "sctp", Title: "the port is an SCTP one",
			Spec: "judges SCTP as it does TCP", Source: npPage,
			Cases:    []string{"sctp-port", "sctp-number-egress", "sctp-range-egress"},
			Features: []cases.Feature{cases.SCTP},
			Engines: map[string]Behaviour{
				azureNPMWindows: {Effect: Open, Does: leftOut + ": it has no SCTP", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				cilium:          {Effect: Closed, Does: "drops SCTP unless it is switched on (sctp.enabled, a beta feature, which AKS does not offer)", Source: "https://docs.cilium.io/en/stable/configuration/sctp/"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inPorts(p, func(_ ruleAt, port netv1.NetworkPolicyPort) string {
					if protocolOf(port) != corev1.ProtocolSCTP {
						return ""
					}
					return portText(port)
				})
			},
		},
	}
}

// nameRules are about ports that are given by a name.
func nameRules() []Rule {
	return []Rule{
		namedPorts(),
		{
			Name: "named-port-windows", Title: "the port is a name",
			Spec: "resolves the name on the pod that is the server", Source: apiDocs,
			Instead:  "the number of the port",
			Cases:    []string{"port-named", "port-named-udp", "port-name-one-peer-egress"},
			Features: []cases.Feature{cases.NamedPort},
			Engines: map[string]Behaviour{
				azureNPMWindows: {Effect: Open, Does: leftOut + ": it has no named ports", Source: aksPolicies + "#limitations-of-azure-network-policy-manager"},
				calicoWindows:   {Effect: Closed, Does: "leaves out the rule, the numbers of that protocol beside the name too, and logs a warning", Source: felixWindows + " (protoRuleToHnsRules)"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inPorts(p, func(_ ruleAt, port netv1.NetworkPolicyPort) string { return portName(port) })
			},
		},
		{
			Name: "named-port-of-block", Title: "the port is a name, beside an ipBlock",
			Spec: "resolves the name on the pod at the address", Source: apiDocs,
			Instead:  "the number of the port",
			Cases:    []string{"port-named-by-address", "ipblock-ports"},
			Features: []cases.Feature{cases.NamedPort, cases.IPBlock},
			Engines: map[string]Behaviour{
				kubeRouter: {Effect: Closed, Before: "2.0", Does: "allows nothing by such an egress rule: for blocks it writes rules for numeric ports alone", Source: "docs/peers.md#cases-that-failed-and-why"},
			},
			policy: func(_ *world, p *netv1.NetworkPolicy) []place {
				return inPorts(p, func(r ruleAt, port netv1.NetworkPolicyPort) string {
					if r.direction != netv1.PolicyTypeEgress || !slices.ContainsFunc(r.Peers, func(peer netv1.NetworkPolicyPeer) bool { return peer.IPBlock != nil }) {
						return ""
					}
					return portName(port)
				})
			},
		},
	}
}

func namedPorts() Rule {
	return Rule{
		Name: "named-port-differs", Title: "the port is a name that can mean another number on each pod",
		Spec: "resolves the name on each pod by itself", Source: apiDocs,
		Instead:  "the numbers of the port, each an entry",
		Cases:    []string{"port-named-differs-per-pod"},
		Features: []cases.Feature{cases.NamedPort, cases.Egress},
		Engines: map[string]Behaviour{
			cilium: {Effect: Closed, Does: "can resolve a name in an egress rule to one number alone when pods give it to several, and blocks the others", Source: "https://github.com/cilium/cilium/issues/30003"},
		},
		policy: func(w *world, p *netv1.NetworkPolicy) []place {
			return inPorts(p, func(r ruleAt, port netv1.NetworkPolicyPort) string {
				name := portName(port)
				if name == "" || r.direction != netv1.PolicyTypeEgress {
					return ""
				}
				numbers := w.numbersOf(name, protocolOf(port))
				switch len(numbers) {
				case 0:
					return name + " is declared by no pod here"
				case 1:
					return ""
				}
				return fmt.Sprintf("%s is %v", name, numbers)
			})
		},
	}
}

// numbersOf are the ports that pods give a name to, sorted.
func (w *world) numbersOf(name string, protocol corev1.Protocol) (numbers []uint16) {
	for i := range w.Pods {
		for _, port := range w.Pods[i].Ports {
			if port.Name == name && port.Protocol == protocol && !slices.Contains(numbers, port.Number) {
				numbers = append(numbers, port.Number)
			}
		}
	}
	slices.Sort(numbers)
	return numbers
}

func protocolOf(p netv1.NetworkPolicyPort) corev1.Protocol {
	if p.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return cmp.Or(*p.Protocol, corev1.ProtocolTCP)
}

// portName is the name that a port is given by, "" when it is not.
func portName(p netv1.NetworkPolicyPort) string {
	if p.Port == nil || p.Port.Type != intstr.String {
		return ""
	}
	return p.Port.StrVal
}

func portText(p netv1.NetworkPolicyPort) string {
	if p.Port == nil {
		return "all " + string(protocolOf(p))
	}
	return p.Port.String() + "/" + string(protocolOf(p))
}
