package gen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

// Size is how much of a large cluster there is.
type Size struct{ Nodes, Namespaces, Workloads, Pods, Policies int }

// Largest is the size up to which the AKS documentation supports Azure NPM, with a thousand
// policies: 50 namespaces of 8 workloads each.
func Largest() Size {
	return Size{Nodes: 250, Namespaces: 50, Workloads: 400, Pods: 20_000, Policies: 1_000}
}

// Large draws a cluster as people have them: pods of workloads, spread over namespaces and nodes,
// each namespace closed by default and opened again by workload, namespace and address.
func Large(seed uint64, size Size) model.Snapshot {
	l := large{Rand: rand.New(rand.NewPCG(seed, 0x6c61726765)), Size: size}
	var s model.Snapshot
	for i := range size.Nodes {
		s.Nodes = append(s.Nodes, model.Node{Name: fmt.Sprintf("node-%03d", i), IPs: []netip.Addr{netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})}})
	}
	for i := range size.Namespaces {
		name := namespaceName(i)
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: name, Labels: map[string]string{
			corev1.LabelMetadataName: name, "team": fmt.Sprintf("team-%d", i%7),
		}})
	}
	for i := range size.Pods {
		s.Pods = append(s.Pods, l.pod(i))
	}
	for i := range size.Policies {
		s.Policies = append(s.Policies, l.policy(i))
	}
	return s
}

type large struct {
	*rand.Rand
	Size
}

func namespaceName(i int) string { return fmt.Sprintf("ns-%02d", i) }

// labels of a workload; there are a few in each namespace.
func (l *large) labels(workload int) map[string]string {
	return map[string]string{"app": fmt.Sprintf("app-%d", workload/l.Namespaces), "tier": []string{"front", "back", "data"}[workload/l.Namespaces%3]}
}

func (l *large) pod(i int) model.Pod {
	workload := i % l.Workloads
	node := l.IntN(l.Nodes)
	p := model.Pod{
		Namespace: namespaceName(workload % l.Namespaces), Name: fmt.Sprintf("app-%d-%s-%s", workload/l.Namespaces, safe(workload, 9), safe(i, 5)),
		Node: fmt.Sprintf("node-%03d", node), Labels: l.labels(workload),
		IPs:   []netip.Addr{netip.AddrFrom4([4]byte{10, byte(64 + i>>16), byte(i >> 8), byte(i)}), netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})},
		Ports: []model.Port{{Name: "http", Number: 8080, Protocol: corev1.ProtocolTCP}},
	}
	p.Labels["pod-template-hash"] = safe(workload, 9)
	if workload/l.Namespaces%3 == 2 {
		p.Ports = append(p.Ports, model.Port{Name: "sql", Number: 5432, Protocol: corev1.ProtocolTCP})
	}
	return p
}

// safe is a number in the letters and digits that controllers make names of.
func safe(n, length int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	out := make([]byte, length)
	for i := range out {
		out[length-1-i] = alphabet[n%len(alphabet)]
		n /= len(alphabet)
	}
	return string(out)
}

func (l *large) policy(i int) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespaceName(i % l.Namespaces), Name: fmt.Sprintf("policy-%02d", i/l.Namespaces)}}
	p.Spec.PolicyTypes = []netv1.PolicyType{netv1.PolicyTypeIngress}
	if i < l.Namespaces { // closed by default
		if i%2 == 0 {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeEgress)
		}
		return p
	}
	p.Spec.PodSelector.MatchLabels = map[string]string{"app": l.app()}
	if l.IntN(3) == 0 {
		p.Spec.PolicyTypes = []netv1.PolicyType{netv1.PolicyTypeEgress}
		p.Spec.Egress = []netv1.NetworkPolicyEgressRule{{To: l.peers(), Ports: l.ports()}}
		return p
	}
	p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: l.peers(), Ports: l.ports()}}
	return p
}

func (l *large) app() string { return fmt.Sprintf("app-%d", l.IntN(max(l.Workloads/l.Namespaces, 1))) }

func (l *large) peers() []netv1.NetworkPolicyPeer {
	switch l.IntN(4) {
	case 0:
		return []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": l.app()}}}}
	case 1:
		return []netv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprintf("team-%d", l.IntN(7))}}}}
	case 2:
		return []netv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespaceName(l.IntN(l.Namespaces))}},
			PodSelector:       &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"front", "back"}}}},
		}}
	}
	return []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: fmt.Sprintf("198.18.%d.0/24", l.IntN(200)), Except: []string{fmt.Sprintf("198.18.%d.0/28", l.IntN(200))}}}}
}

func (l *large) ports() []netv1.NetworkPolicyPort {
	tcp, name, number := corev1.ProtocolTCP, intstr.FromString("http"), intstr.FromInt32(int32(Pick(l, 443, 5432, 8080, 9090)))
	if l.IntN(2) == 0 {
		return []netv1.NetworkPolicyPort{{Protocol: &tcp, Port: &name}}
	}
	return []netv1.NetworkPolicyPort{{Protocol: &tcp, Port: &number}}
}
