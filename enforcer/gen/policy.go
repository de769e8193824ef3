package gen

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func (g *generator) policy(namespace, name string) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.PodSelector = g.podSelector(45)
	p.Spec.PolicyTypes = pick(g,
		nil,
		[]netv1.PolicyType{netv1.PolicyTypeIngress},
		[]netv1.PolicyType{netv1.PolicyTypeEgress},
		[]netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress},
		[]netv1.PolicyType{netv1.PolicyTypeEgress, netv1.PolicyTypeIngress},
	)
	for range g.few() {
		p.Spec.Ingress = append(p.Spec.Ingress, netv1.NetworkPolicyIngressRule{From: g.peers(), Ports: g.ports()})
	}
	for range g.few() {
		p.Spec.Egress = append(p.Spec.Egress, netv1.NetworkPolicyEgressRule{To: g.peers(), Ports: g.ports()})
	}
	return p
}

// few is the length of a list: often one, at most three.
func (g *generator) few() int { return pick(g, 0, 1, 1, 1, 2, 2, 3) }

func (g *generator) podSelector(everything int) metav1.LabelSelector {
	return g.selector(everything, map[string][]string{"app": {"a", "b", "c", "d"}, "tier": {"front", "back", ""}, "absent": {"x", "y"}})
}

func (g *generator) namespaceSelector() metav1.LabelSelector {
	return g.selector(25, map[string][]string{
		"team": {"red", "blue", "green"}, "kubernetes.io/metadata.name": {"x", "y", "z"}, "absent": {"x", "y"},
	})
}

// selector selects everything so many times in a hundred, else draws one or two
// requirements.
func (g *generator) selector(everything int, vocabulary map[string][]string) metav1.LabelSelector {
	var s metav1.LabelSelector
	if g.chance(everything) {
		return s
	}
	keys := make([]string, 0, len(vocabulary))
	for k := range vocabulary {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for range 1 + g.r.IntN(2) {
		key := pick(g, keys[0], keys[1], keys[1], keys[2], keys[2]) // "absent" sorts before or amid the others
		if g.chance(35) {
			if s.MatchLabels == nil {
				s.MatchLabels = map[string]string{}
			}
			s.MatchLabels[key] = pick(g, vocabulary[key]...)
			continue
		}
		s.MatchExpressions = append(s.MatchExpressions, g.requirement(key, vocabulary[key]))
	}
	return s
}

func (g *generator) requirement(key string, values []string) metav1.LabelSelectorRequirement {
	r := metav1.LabelSelectorRequirement{Key: key, Operator: pick(g,
		metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
	if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn {
		for range 1 + g.r.IntN(2) {
			r.Values = append(r.Values, pick(g, values...))
		}
	}
	if g.invalid && g.chance(15) {
		r.Operator = pick[metav1.LabelSelectorOperator](g, "Like", metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists)
		r.Values = pick(g, nil, []string{"a"})
		if r.Operator == metav1.LabelSelectorOpIn {
			r.Values = nil
		}
	}
	return r
}

func (g *generator) peers() []netv1.NetworkPolicyPeer {
	var out []netv1.NetworkPolicyPeer
	for range g.few() {
		out = append(out, g.peer())
	}
	if g.invalid && g.chance(10) {
		out = append(out, pick(g,
			netv1.NetworkPolicyPeer{},
			netv1.NetworkPolicyPeer{IPBlock: g.block(), PodSelector: &metav1.LabelSelector{}},
			netv1.NetworkPolicyPeer{IPBlock: g.block(), NamespaceSelector: &metav1.LabelSelector{}},
		))
	}
	return out
}

func (g *generator) peer() netv1.NetworkPolicyPeer {
	var p netv1.NetworkPolicyPeer
	kind := g.r.IntN(4)
	if kind == 0 || kind == 2 {
		s := g.podSelector(25)
		p.PodSelector = &s
	}
	if kind == 1 || kind == 2 {
		s := g.namespaceSelector()
		p.NamespaceSelector = &s
	}
	if kind == 3 {
		p.IPBlock = g.block()
	}
	return p
}

func (g *generator) ports() []netv1.NetworkPolicyPort {
	n := pick(g, 0, 0, 1, 1, 2, 4)
	if g.chance(3) {
		n = 20 + g.r.IntN(20) // more than a multiport match takes
	}
	var out []netv1.NetworkPolicyPort
	for range n {
		out = append(out, g.policyPort())
	}
	return out
}

func (g *generator) policyPort() netv1.NetworkPolicyPort {
	var p netv1.NetworkPolicyPort
	if g.chance(80) {
		protocol := protocols[pick(g, 0, 0, 1, 2)]
		p.Protocol = &protocol
	}
	port := intstr.FromInt32(int32(g.port()))
	switch {
	case g.chance(10): // every port of the protocol
	case g.chance(30):
		name := intstr.FromString(pick(g, "web", "dns", "peer", "nobody"))
		p.Port = &name
	case g.chance(30):
		end := min(port.IntVal+int32(g.r.IntN(500)), 65535)
		p.Port, p.EndPort = &port, &end
	default:
		p.Port = &port
		if g.chance(20) { // spread out, so that lists do not merge
			port.IntVal = int32(1 + 2*g.r.IntN(30000))
		}
	}
	if g.invalid && g.chance(15) {
		g.spoilPort(&p)
	}
	return p
}

// spoilPort breaks a port in ways for which every reading of the API gives no port at all.
func (g *generator) spoilPort(p *netv1.NetworkPolicyPort) {
	low, end, above := int32(0), int32(8080), int32(65536)
	zero, one, big := intstr.FromInt32(0), intstr.FromInt32(1), intstr.FromInt32(65536)
	name, nameless := intstr.FromString("web"), intstr.FromString("")
	icmp := corev1.Protocol("ICMP")
	switch g.r.IntN(9) {
	case 0:
		p.Port, p.EndPort = &zero, nil
	case 1:
		p.Port, p.EndPort = &big, nil
	case 2:
		p.Port, p.EndPort = nil, &end
	case 3:
		p.Port, p.EndPort = &name, &end
	case 4:
		if p.Port != nil {
			p.EndPort = &low
		}
	case 5:
		p.Port, p.EndPort = &one, &above
	case 6:
		p.Port, p.EndPort = &zero, &end
	case 7:
		p.Port, p.EndPort = &nameless, nil
	default:
		p.Protocol = &icmp
	}
}
