package hollow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// writer draws the policies of a size.
type writer struct{ r *rand.Rand }

// policy is policy i; its content depends on the seed and i only.
func (s Size) policy(i int) *netv1.NetworkPolicy {
	w := writer{rand.New(rand.NewPCG(s.Seed, uint64(i)))}
	p := &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: NamespaceName(i % s.Namespaces), Name: fmt.Sprintf("policy-%04d", i)},
		Spec:       netv1.NetworkPolicySpec{PodSelector: w.subject()},
	}
	direction := w.r.IntN(10) // 0-5 ingress, 6-8 both, 9 egress
	if direction <= 8 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeIngress)
		for range 1 + w.r.IntN(3) {
			p.Spec.Ingress = append(p.Spec.Ingress, netv1.NetworkPolicyIngressRule{From: w.peers(), Ports: w.ports()})
		}
	}
	if direction >= 6 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeEgress)
		for range 1 + w.r.IntN(2) {
			p.Spec.Egress = append(p.Spec.Egress, netv1.NetworkPolicyEgressRule{To: w.peers(), Ports: w.ports()})
		}
	}
	return p
}

// subject selects one app mostly, sometimes all pods, sometimes by expressions.
func (w writer) subject() metav1.LabelSelector {
	switch w.r.IntN(10) {
	case 0, 1:
		return metav1.LabelSelector{}
	case 2, 3:
		return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{w.tier(), w.tier()}},
			{Key: "version", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"v9"}},
		}}
	default:
		return *w.app()
	}
}

func (w writer) app() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", w.r.IntN(apps))}}
}

func (w writer) team() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprintf("team-%d", w.r.IntN(teams))}}
}

func (w writer) tier() string { return tier(w.r.IntN(3)) }

func (w writer) peers() []netv1.NetworkPolicyPeer {
	var out []netv1.NetworkPolicyPeer
	for range 1 + w.r.IntN(3) {
		out = append(out, w.peer())
	}
	return out
}

func (w writer) peer() netv1.NetworkPolicyPeer {
	switch w.r.IntN(10) {
	case 0, 1, 2:
		return netv1.NetworkPolicyPeer{PodSelector: w.app()}
	case 3, 4, 5:
		return netv1.NetworkPolicyPeer{NamespaceSelector: w.team(), PodSelector: w.app()}
	case 6:
		return netv1.NetworkPolicyPeer{NamespaceSelector: w.team()}
	case 7:
		return netv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"tier": w.tier()}},
		}
	default:
		return netv1.NetworkPolicyPeer{IPBlock: w.block()}
	}
}

// block has one to four excepts.
func (w writer) block() *netv1.IPBlock {
	a, b := w.r.IntN(224), w.r.IntN(256)
	block := &netv1.IPBlock{CIDR: fmt.Sprintf("%d.%d.0.0/16", 1+a, b)}
	format := fmt.Sprintf("%d.%d.%%d.0/24", 1+a, b)
	if w.r.IntN(4) == 0 {
		block.CIDR = fmt.Sprintf("2001:db8:%x::/48", b)
		format = fmt.Sprintf("2001:db8:%x:%%x::/64", b)
	}
	for range 1 + w.r.IntN(4) {
		block.Except = append(block.Except, canonical(fmt.Sprintf(format, w.r.IntN(256))))
	}
	block.CIDR = canonical(block.CIDR)
	return block
}

// canonical spells a prefix as the API server likes it; it warns of others.
func canonical(prefix string) string { return netip.MustParsePrefix(prefix).String() }

func (w writer) ports() []netv1.NetworkPolicyPort {
	var out []netv1.NetworkPolicyPort
	for range w.r.IntN(3) {
		out = append(out, w.port())
	}
	return out
}

func (w writer) port() netv1.NetworkPolicyPort {
	protocol, port := corev1.ProtocolTCP, intstr.FromInt32(1+w.r.Int32N(60000))
	switch w.r.IntN(6) {
	case 0:
		port = intstr.FromString("http")
	case 1:
		protocol, port = corev1.ProtocolUDP, intstr.FromString("dns")
	case 2:
		last := port.IntVal + w.r.Int32N(1000)
		return netv1.NetworkPolicyPort{Protocol: &protocol, Port: &port, EndPort: &last}
	case 3:
		protocol = corev1.ProtocolSCTP
	}
	return netv1.NetworkPolicyPort{Protocol: &protocol, Port: &port}
}
