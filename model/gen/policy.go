package gen

import (
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Grammar draws policies.
type Grammar struct {
	*rand.Rand
	Words
	invalid bool // some pieces are such that no API server would take them
}

// Words are what policies are made of. What stands twice in a list is drawn twice as often.
type Words struct {
	PodLabels, NamespaceLabels []Label
	PortNames                  []string
	Ports                      []uint16
	Block                      func() *netv1.IPBlock
}

// Label is a key, and values that selectors and objects have for it.
type Label struct {
	Key    string
	Values []string
}

// Chance is true n times in a hundred.
func (g *Grammar) Chance(n int) bool { return g.IntN(100) < n }

// Pick draws one of the choices.
func Pick[T any](r interface{ IntN(int) int }, choices ...T) T { return choices[r.IntN(len(choices))] }

// Policy draws a policy of that name, with up to three rules in each direction.
func (g *Grammar) Policy(namespace, name string) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.PodSelector = g.podSelector(45)
	p.Spec.PolicyTypes = Pick(g,
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

// few is the length of a list: often one, now and then as many as nobody expects.
func (g *Grammar) few() int {
	if g.Chance(4) {
		return 4 + g.IntN(4)
	}
	return Pick(g, 0, 1, 1, 1, 2, 2, 3)
}

func (g *Grammar) podSelector(everything int) metav1.LabelSelector {
	return g.selector(everything, g.PodLabels)
}

// selector selects everything so many times in a hundred, else draws one or two
// requirements.
func (g *Grammar) selector(everything int, words []Label) metav1.LabelSelector {
	var s metav1.LabelSelector
	if g.Chance(everything) {
		return s
	}
	plain := Pick(g, 0, 35, 35, 100) // in a hundred requirements
	for range 1 + g.IntN(2) {
		label := Pick(g, words...)
		if g.Chance(plain) {
			if s.MatchLabels == nil {
				s.MatchLabels = map[string]string{}
			}
			s.MatchLabels[label.Key] = Pick(g, label.Values...)
			continue
		}
		s.MatchExpressions = append(s.MatchExpressions, g.requirement(label))
	}
	return s
}

func (g *Grammar) requirement(l Label) metav1.LabelSelectorRequirement {
	r := metav1.LabelSelectorRequirement{Key: l.Key, Operator: Pick(g,
		metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
	if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn {
		for range 1 + g.IntN(2) {
			r.Values = append(r.Values, Pick(g, l.Values...))
		}
	}
	if g.invalid && g.Chance(15) {
		r.Operator = Pick[metav1.LabelSelectorOperator](g, "Like", metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists)
		r.Values = Pick(g, nil, []string{"a"})
		if r.Operator == metav1.LabelSelectorOpIn {
			r.Values = nil
		}
	}
	return r
}

func (g *Grammar) peers() []netv1.NetworkPolicyPeer {
	var out []netv1.NetworkPolicyPeer
	for range g.few() {
		out = append(out, g.peer())
	}
	if g.invalid && g.Chance(10) {
		out = append(out, Pick(g,
			netv1.NetworkPolicyPeer{},
			netv1.NetworkPolicyPeer{IPBlock: g.Block(), PodSelector: &metav1.LabelSelector{}},
			netv1.NetworkPolicyPeer{IPBlock: g.Block(), NamespaceSelector: &metav1.LabelSelector{}},
		))
	}
	return out
}

func (g *Grammar) peer() netv1.NetworkPolicyPeer {
	var p netv1.NetworkPolicyPeer
	kind := g.IntN(4)
	if kind == 0 || kind == 2 {
		s := g.podSelector(25)
		p.PodSelector = &s
	}
	if kind == 1 || kind == 2 {
		s := g.selector(25, g.NamespaceLabels)
		p.NamespaceSelector = &s
	}
	if kind == 3 {
		p.IPBlock = g.Block()
	}
	return p
}

func (g *Grammar) ports() []netv1.NetworkPolicyPort {
	n := Pick(g, 0, 0, 1, 1, 2, 4)
	if g.Chance(3) {
		n = 20 + g.IntN(20) // more than a multiport match takes
	}
	var out []netv1.NetworkPolicyPort
	for range n {
		out = append(out, g.policyPort())
	}
	return out
}

func (g *Grammar) policyPort() netv1.NetworkPolicyPort {
	var p netv1.NetworkPolicyPort
	if g.Chance(80) {
		protocol := protocols[Pick(g, 0, 0, 1, 2)]
		p.Protocol = &protocol
	}
	port := intstr.FromInt32(int32(Pick(g, g.Ports...)))
	switch {
	case g.Chance(10): // every port of the protocol
	case g.Chance(30):
		name := intstr.FromString(Pick(g, g.PortNames...))
		p.Port = &name
	case g.Chance(30):
		end := min(port.IntVal+int32(Pick(g, 0, 1, 2, g.IntN(500))), 65535)
		p.Port, p.EndPort = &port, &end
	default:
		p.Port = &port
		if g.Chance(20) { // spread out, so that lists do not merge
			port.IntVal = int32(1 + 2*g.IntN(30000))
		}
	}
	if g.invalid && g.Chance(15) {
		g.spoilPort(&p)
	}
	return p
}

// spoilPort breaks a port in ways for which every reading of the API gives no port at all.
func (g *Grammar) spoilPort(p *netv1.NetworkPolicyPort) {
	low, end, above := int32(0), int32(8080), int32(65536)
	zero, one, big := intstr.FromInt32(0), intstr.FromInt32(1), intstr.FromInt32(65536)
	name, nameless := intstr.FromString("web"), intstr.FromString("")
	icmp := corev1.Protocol("ICMP")
	switch g.IntN(9) {
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
