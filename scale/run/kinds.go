package run

import (
	"context"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/podspec"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// called is the label by which a policy's peer selects what label changes and puppets are
// about.
const called = "called"

func selectPod(name string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{podspec.PodLabel: name}}
}

// ingress is a policy that lets peers in to a pod.
func (c *cluster) ingress(name, subject string, peers []netv1.NetworkPolicyPeer) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.space(serversNS), Name: name},
		Spec:       netv1.NetworkPolicySpec{PodSelector: selectPod(subject), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}},
	}
	if len(peers) > 0 {
		p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers}}
	}
	return p
}

// withLabel are the pods of a namespace, or of all when it is "", that have a label.
func withLabel(namespace, key, value string) netv1.NetworkPolicyPeer {
	p := netv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{key: value}},
	}
	if namespace != "" {
		p.NamespaceSelector.MatchLabels = map[string]string{corev1.LabelMetadataName: namespace}
	}
	return p
}

// witnessPolicy never changes.
func (c *cluster) witnessPolicy() *netv1.NetworkPolicy {
	return c.ingress("witness", witness, []netv1.NetworkPolicyPeer{withLabel(c.space(clientsNS), friend, "yes")})
}

func (c *cluster) isolatePolicy() *netv1.NetworkPolicy { return c.ingress("isolate", server, nil) }

// policyCreation isolates a pod from all clients, and lets them in again.
type policyCreation struct {
	*traffic
	samples int
}

func (p policyCreation) Execute(ctx context.Context) error {
	return p.flipAll(ctx, flip{
		phase: "policy", flows: p.to(server, near, far), n: p.samples, kinds: [2]string{v1.PolicyCreate, v1.PolicyDelete}, allowed: true,
		deny:  func(ctx context.Context) error { return p.write(ctx, load.Create, p.isolatePolicy()) },
		allow: func(ctx context.Context) error { return p.write(ctx, load.Delete, p.isolatePolicy()) },
	})
}

// blockEdits edits a policy of many CIDRs: a tenth is replaced, and the clients' addresses
// go in or out.
type blockEdits struct {
	*traffic
	cidrs, samples int
}

// onPods is the feature, as cases call it, of ipBlocks that hold pods: the clients are pods.
const onPods = "IPBlockOnPods"

func (p blockEdits) Execute(ctx context.Context) error {
	if why := p.lacks(onPods); why != "" {
		p.note("ipBlocks: not measured, as the clients are pods: %s", why)
		return nil
	}
	policies := map[bool]*netv1.NetworkPolicy{}
	for _, open := range []bool{false, true} {
		peers := blocks(p.cidrs, p.families, open)
		if open {
			for _, client := range []string{near, far} {
				for _, ip := range p.pods[client].Addrs {
					peers = append(peers, block(netip.PrefixFrom(ip, ip.BitLen())))
				}
			}
		}
		policies[open] = p.ingress("blocks", server, peers)
	}
	p.reading("ipblocks", 0, "policy-size", v1.UnitBytes, float64(policies[true].Size()))
	return p.under(ctx, policies[false], func() error {
		return p.flipAll(ctx, flip{
			phase: "ipBlocks", flows: p.to(server, near, far), n: p.samples, kinds: [2]string{v1.IPBlockEdit, v1.IPBlockEdit},
			deny:  func(ctx context.Context) error { return p.write(ctx, load.Update, policies[false]) },
			allow: func(ctx context.Context) error { return p.write(ctx, load.Update, policies[true]) },
		})
	})
}

func block(p netip.Prefix) netv1.NetworkPolicyPeer {
	return netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: p.String()}}
}

// replaced is which part of the CIDRs differs between the two versions: one in so many.
const replaced = 10

// blocks are n CIDRs of which no two can be merged, of the families in turn; none holds an
// address of the lab or of a load.
func blocks(n int, families []model.Family, open bool) []netv1.NetworkPolicyPeer {
	var out []netv1.NetworkPolicyPeer
	for i := range n {
		four, six := byte(8), byte(0x0a)
		if open && i%replaced == 0 {
			four, six = 9, 0x0b
		}
		k := i / len(families)
		hi, lo := byte(k>>8), byte(k)
		if families[i%len(families)] == model.IPv4 {
			out = append(out, block(netip.PrefixFrom(netip.AddrFrom4([4]byte{four, hi, lo, 0}), 25)))
		} else {
			out = append(out, block(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb9, six, hi, lo}), 64)))
		}
	}
	return out
}

// revocation takes clients out of a policy that let them in by selectors, and puts them in
// again.
type revocation struct {
	*traffic
	samples int
}

func (p revocation) Execute(ctx context.Context) error {
	peers := func(names ...string) []netv1.NetworkPolicyPeer {
		var out []netv1.NetworkPolicyPeer
		for _, n := range names {
			out = append(out, withLabel(p.space(clientsNS), podspec.PodLabel, n))
		}
		return out
	}
	open, closed := p.ingress("peers", server, peers(near, far, stranger)), p.ingress("peers", server, peers(stranger))
	return p.under(ctx, open, func() error {
		return p.flipAll(ctx, flip{
			phase: "peers", flows: p.to(server, near, far), n: p.samples, kinds: [2]string{v1.Revoke, Grant}, allowed: true,
			deny:  func(ctx context.Context) error { return p.write(ctx, load.Update, closed) },
			allow: func(ctx context.Context) error { return p.write(ctx, load.Update, open) },
		})
	})
}

// relabelling gives a client the label that lets it in, and takes it away.
type relabelling struct {
	*traffic
	samples int
}

func (p relabelling) Execute(ctx context.Context) error {
	policy := p.ingress("labelled", server, []netv1.NetworkPolicyPeer{withLabel("", called, "yes")})
	return p.under(ctx, policy, func() error {
		return p.flipAll(ctx, flip{
			phase: "labels", flows: p.to(server, far), n: p.samples, kinds: [2]string{v1.LabelChange, v1.LabelChange},
			deny:  func(ctx context.Context) error { return p.label(ctx, p.space(clientsNS), far, "no") },
			allow: func(ctx context.Context) error { return p.label(ctx, p.space(clientsNS), far, "yes") },
		})
	})
}
