package load

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/scale/profile"
)

// The kinds of a policy, as profile.Peers and profile.Types order them.
const (
	peersPod = iota
	peersNS
	peersIP
)

const (
	typeIn = iota
	typeOut
	typeBoth
)

// friendlyLists is how many different lists of ipBlocks friendly policies have.
const friendlyLists = 8

// writer draws policies in order.
type writer struct {
	p     profile.Profile
	pool  *pool
	lists [][]netv1.IPBlock // that friendly policies share
}

func newWriter(p profile.Profile) *writer {
	return &writer{p: p, pool: &pool{start: random(p.Seed, streamOrder, 0).IntN(nets4)}}
}

// policy is policy i, of a kind of peers and a type.
func (w *writer) policy(i, kind, typ int) netv1.NetworkPolicy {
	r := random(w.p.Seed, streamPolicies, i)
	peers := w.peers(r, i, kind)
	p := netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: NamespaceName(i % w.p.Namespaces), Name: policyName(i)},
		Spec:       netv1.NetworkPolicySpec{PodSelector: subject(r)},
	}
	ports := ports(r, w.p.Ports)
	if typ != typeOut {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeIngress)
		p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers, Ports: ports}}
	}
	if typ != typeIn {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, netv1.PolicyTypeEgress)
		rule := netv1.NetworkPolicyEgressRule{To: peers, Ports: ports}
		if typ == typeBoth { // ipBlocks count once, in the direction that comes first
			rule.To = selectors(r, peersPod, w.p.Selectors)
		}
		p.Spec.Egress = []netv1.NetworkPolicyEgressRule{rule}
	}
	return p
}

func policyName(i int) string { return fmt.Sprintf("policy-%06d", i) }

// peers are the peers of policy i.
func (w *writer) peers(r *rand.Rand, i, kind int) []netv1.NetworkPolicyPeer {
	if kind != peersIP {
		return selectors(r, kind, w.p.Selectors)
	}
	blocks := w.blocks(i)
	out := make([]netv1.NetworkPolicyPeer, len(blocks))
	for j := range blocks {
		b := blocks[j]
		b.Except = slices.Clone(b.Except)
		out[j] = netv1.NetworkPolicyPeer{IPBlock: &b}
	}
	return out
}

// blocks are fresh ones, or those of a list that others have too.
func (w *writer) blocks(i int) []netv1.IPBlock {
	if w.p.Dedupe == profile.Hostile {
		return w.drawer(i).blocks(w.p.CIDRs)
	}
	list := i % friendlyLists
	for len(w.lists) <= list {
		w.lists = append(w.lists, w.drawer(len(w.lists)).blocks(w.p.CIDRs))
	}
	return w.lists[list]
}

func (w *writer) drawer(i int) *drawer {
	return newDrawer(w.p, w.pool, random(w.p.Seed, streamBlocks, i))
}

func newDrawer(p profile.Profile, pool *pool, r *rand.Rand) *drawer {
	return &drawer{r: r, pool: pool, profile: p, parents: map[bool]*parent{}}
}

// subject selects one app mostly, sometimes all pods, sometimes by expressions.
func subject(r *rand.Rand) metav1.LabelSelector {
	switch r.IntN(10) {
	case 0, 1:
		return metav1.LabelSelector{}
	case 2, 3:
		return metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"backend", "database"}},
			{Key: "version", Operator: metav1.LabelSelectorOpNotIn, Values: []string{fmt.Sprintf("v%d", r.IntN(3))}},
		}}
	default:
		return *app(r)
	}
}

func app(r *rand.Rand) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", r.IntN(apps))}}
}

func team(r *rand.Rand) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprintf("team-%d", r.IntN(teams))}}
}

// selectors are n peers of a kind: pods of the same namespace, or namespaces, half of them
// with pods of an app.
func selectors(r *rand.Rand, kind, n int) []netv1.NetworkPolicyPeer {
	out := make([]netv1.NetworkPolicyPeer, n)
	for i := range out {
		if kind == peersPod {
			out[i].PodSelector = app(r)
			continue
		}
		out[i].NamespaceSelector = team(r)
		if r.IntN(2) == 0 {
			out[i].PodSelector = app(r)
		}
	}
	return out
}

// ports are n different ports: named ones, numbers and ranges in turn.
func ports(r *rand.Rand, n int) []netv1.NetworkPolicyPort {
	var out []netv1.NetworkPolicyPort
	tcp, udp := corev1.ProtocolTCP, corev1.ProtocolUDP
	base := 1000 + 100*r.IntN(100)
	for i := range n {
		port := netv1.NetworkPolicyPort{Protocol: &tcp}
		switch number := intstr.FromInt32(int32(base + 16*i)); {
		case i < len(Ports()) && i%2 == 0:
			declared := Ports()[i]
			name := intstr.FromString(declared.Name)
			port.Port = &name
			if declared.Protocol == corev1.ProtocolUDP {
				port.Protocol = &udp
			}
		case i%4 == 3:
			end := number.IntVal + 15
			port.Port, port.EndPort = &number, &end
		default:
			port.Port = &number
		}
		out = append(out, port)
	}
	return out
}
