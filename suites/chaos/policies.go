package chaos

import (
	"context"
	"fmt"
	"net/netip"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The policies.
const (
	large   = "large"   // allows two lists of CIDRs in turn, and the must-pass clients
	extra   = "extra"   // deleted and made again; allows nobody who is there
	isolate = "isolate" // isolates the subject
)

// version is one of the two versions of the large policy.
type version bool

// The versions: open allows the toggled client too.
const (
	open   version = true
	closed version = false
)

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func selectPod(name string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{"pod": name}}
}

// largePolicy allows a list of CIDRs that the versions don't share, and the must-pass
// clients' addresses in both.
func (r *run) largePolicy(v version) *netv1.NetworkPolicy {
	clients := []string{near, far}
	if v == open {
		clients = append(clients, toggled)
	}
	peers := cidrs(v, r.cfg.Sizes.CIDRs)
	for _, c := range clients {
		for _, ip := range r.pods[c].ips {
			peers = append(peers, block(netip.PrefixFrom(ip, ip.BitLen())))
		}
	}
	return &netv1.NetworkPolicy{
		ObjectMeta: meta(r.namespace, large),
		Spec: netv1.NetworkPolicySpec{
			PodSelector: selectPod(server),
			PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: peers}},
		},
	}
}

func block(p netip.Prefix) netv1.NetworkPolicyPeer {
	return netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: p.String()}}
}

// cidrs are n prefixes of which no two can be merged, half of each family; none holds an
// address of the lab.
func cidrs(v version, n int) []netv1.NetworkPolicyPeer {
	first4, first6 := byte(11), byte(0x0a)
	if v == open {
		first4, first6 = 12, 0x0b
	}
	var out []netv1.NetworkPolicyPeer
	for i := range n / 2 {
		hi, lo := byte(i>>8), byte(i)
		out = append(out,
			block(netip.PrefixFrom(netip.AddrFrom4([4]byte{first4, hi, lo, 0}), 25)),
			block(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, first6, hi, lo}), 64)))
	}
	return out
}

// extraPolicy selects the server too, and changes no verdict of any flow.
func (r *run) extraPolicy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: meta(r.namespace, extra),
		Spec: netv1.NetworkPolicySpec{
			PodSelector: selectPod(server),
			PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{block(netip.MustParsePrefix("13.0.0.0/8"))}}},
		},
	}
}

func (r *run) isolatePolicy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: meta(r.namespace, isolate),
		Spec:       netv1.NetworkPolicySpec{PodSelector: selectPod(subject), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}},
	}
}

func (r *run) create(ctx context.Context, p *netv1.NetworkPolicy) error {
	_, err := r.cfg.Client.NetworkingV1().NetworkPolicies(r.namespace).Create(ctx, p, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create policy %s: %w", p.Name, err)
	}
	return nil
}

func (r *run) delete(ctx context.Context, name string) error {
	err := r.cfg.Client.NetworkingV1().NetworkPolicies(r.namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil {
		return fmt.Errorf("delete policy %s: %w", name, err)
	}
	return nil
}

// edit replaces the large policy by its other version.
func (r *run) edit(ctx context.Context) error {
	next := !r.version
	_, err := r.cfg.Client.NetworkingV1().NetworkPolicies(r.namespace).Update(ctx, r.versions[next], metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("edit policy %s: %w", large, err)
	}
	r.version = next
	r.edits.Add(1)
	return nil
}
