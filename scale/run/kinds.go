package run

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// called is the label by which a policy's peer selects what label changes and puppets are
// about.
const called = "called"

func selectPod(name string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{"pod": name}}
}

// ingress is a policy that lets peers in to a pod.
func ingress(name, subject string, peers []netv1.NetworkPolicyPeer) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: serversNS, Name: name},
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

func (r *run) create(ctx context.Context, p *netv1.NetworkPolicy) error {
	if _, err := r.client.NetworkingV1().NetworkPolicies(p.Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create policy %s: %w", p.Name, err)
	}
	return nil
}

func (r *run) update(ctx context.Context, p *netv1.NetworkPolicy) error {
	if _, err := r.client.NetworkingV1().NetworkPolicies(p.Namespace).Update(ctx, p, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update policy %s: %w", p.Name, err)
	}
	return nil
}

func (r *run) delete(ctx context.Context, p *netv1.NetworkPolicy) error {
	if err := r.client.NetworkingV1().NetworkPolicies(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete policy %s: %w", p.Name, err)
	}
	return nil
}

// witnessPolicy never changes.
func witnessPolicy() *netv1.NetworkPolicy {
	return ingress("witness", witness, []netv1.NetworkPolicyPeer{withLabel(clientsNS, friend, "yes")})
}

func isolatePolicy() *netv1.NetworkPolicy { return ingress("isolate", server, nil) }

// floor flips a verdict by one iptables command on the node: what is left of the figures
// when an engine costs nothing.
func (r *run) floor(ctx context.Context) error {
	f := r.flows(server, near)[:1]
	tool := "iptables"
	if f[0].addr.Addr().Is6() {
		tool = "ip6tables"
	}
	rule := func(action string) func(context.Context) error {
		return func(ctx context.Context) error {
			return r.node.Run(ctx, "", tool, "-w", "5", "-t", "mangle", action, "FORWARD",
				"-s", model.FamilyOf(f[0].addr.Addr()).First(r.pods[near].ips).String(), "-d", f[0].addr.Addr().String(), "-j", "DROP")
		}
	}
	err := r.flipAll(ctx, flip{
		phase: "floor", flows: f, n: min(r.cfg.Samples, 30), kinds: [2]Kind{Floor, ""}, allowed: true,
		allow: rule("-D"), deny: rule("-I"),
	})
	for _, s := range r.result.Samples {
		r.result.Controls.Floor = r.result.Controls.Floor || s.Transition == string(Floor) && s.Void == "" && s.Stable != nil
	}
	return err
}

// policyCreation isolates a pod from all clients, and lets them in again.
func (r *run) policyCreation(ctx context.Context) error {
	return r.flipAll(ctx, flip{
		phase: "policy", flows: r.flows(server, near, far), n: r.cfg.Samples, kinds: [2]Kind{PolicyCreate, PolicyDelete}, allowed: true,
		deny:  func(ctx context.Context) error { return r.create(ctx, isolatePolicy()) },
		allow: func(ctx context.Context) error { return r.delete(ctx, isolatePolicy()) },
	})
}

// under has a policy in force while do runs.
func (r *run) under(ctx context.Context, p *netv1.NetworkPolicy, do func() error) error {
	if err := r.create(ctx, p); err != nil {
		return err
	}
	err := do()
	if dErr := r.delete(context.WithoutCancel(ctx), p); err == nil {
		err = dErr
	}
	return err
}

// blockEdits edits a policy of many CIDRs: a tenth is replaced, and the clients' addresses
// go in or out.
func (r *run) blockEdits(ctx context.Context) error {
	policies := map[bool]*netv1.NetworkPolicy{}
	for _, open := range []bool{false, true} {
		peers := blocks(r.cfg.CIDRs, r.families, open)
		if open {
			for _, c := range []string{near, far} {
				for _, ip := range r.measured(r.pods[c].ips) {
					peers = append(peers, block(netip.PrefixFrom(ip, ip.BitLen())))
				}
			}
		}
		policies[open] = ingress("blocks", server, peers)
	}
	r.reading("ipblocks", 0, "policy-size", v1.UnitBytes, float64(load.EncodedSize(policies[true])))
	return r.under(ctx, policies[false], func() error {
		return r.flipAll(ctx, flip{
			phase: "ipBlocks", flows: r.flows(server, near, far), n: r.cfg.Samples, kinds: [2]Kind{IPBlockEdit, IPBlockEdit},
			deny:  func(ctx context.Context) error { return r.update(ctx, policies[false]) },
			allow: func(ctx context.Context) error { return r.update(ctx, policies[true]) },
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
func (r *run) revocation(ctx context.Context) error {
	peers := func(names ...string) []netv1.NetworkPolicyPeer {
		var out []netv1.NetworkPolicyPeer
		for _, n := range names {
			out = append(out, withLabel(clientsNS, "pod", n))
		}
		return out
	}
	open, closed := ingress("peers", server, peers(near, far, stranger)), ingress("peers", server, peers(stranger))
	return r.under(ctx, open, func() error {
		return r.flipAll(ctx, flip{
			phase: "peers", flows: r.flows(server, near, far), n: r.cfg.Samples, kinds: [2]Kind{Revoke, Grant}, allowed: true,
			deny:  func(ctx context.Context) error { return r.update(ctx, closed) },
			allow: func(ctx context.Context) error { return r.update(ctx, open) },
		})
	})
}

// relabelling gives a client the label that lets it in, and takes it away.
func (r *run) relabelling(ctx context.Context) error {
	policy := ingress("labelled", server, []netv1.NetworkPolicyPeer{withLabel("", called, "yes")})
	return r.under(ctx, policy, func() error {
		return r.flipAll(ctx, flip{
			phase: "labels", flows: r.flows(server, far), n: r.cfg.Samples, kinds: [2]Kind{LabelChange, LabelChange},
			deny:  func(ctx context.Context) error { return r.label(ctx, clientsNS, far, "no") },
			allow: func(ctx context.Context) error { return r.label(ctx, clientsNS, far, "yes") },
		})
	})
}

// label sets the label of a pod that a policy selects by.
func (r *run) label(ctx context.Context, namespace, name, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{called: value}}})
	if err != nil {
		return fmt.Errorf("label pod %s: %w", name, err)
	}
	if _, err := r.client.CoreV1().Pods(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("label pod %s: %w", name, err)
	}
	return nil
}
