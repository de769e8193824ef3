package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/load"
)

// A puppet is a hollow pod whose address answers: the second node hands what is sent there
// to a real pod. So a pod comes and goes as fast as the API server takes it, and what a
// caller's packets show is the engine's part alone.

// puppetNode is the hollow node of the puppets. Its networks are the last of those that
// loads use, and one of its own.
const puppetNode = "scale-puppets"

// maxPuppets is how many addresses are wired.
const maxPuppets = 20

func puppetIPs(i int) []netip.Addr {
	six := netip.MustParseAddr("fd00:100:7f::").As16()
	six[15] = byte(10 + i)
	return []netip.Addr{netip.AddrFrom4([4]byte{100, 127, 255, byte(10 + i)}), netip.AddrFrom16(six)}
}

func (r *run) puppet(i int) load.Pod {
	return load.Pod{
		Namespace: puppetsNS, Name: fmt.Sprintf("puppet-%d", i), Node: puppetNode,
		Labels: map[string]string{called: "yes"}, IPs: r.measured(puppetIPs(i)),
	}
}

// wirePuppets routes the puppets' addresses to the second node, which hands them to far.
func (r *run) wirePuppets(ctx, life context.Context) error {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: puppetNode, Labels: map[string]string{load.Hollow: "true"}}}
	node.Spec.Taints = []corev1.Taint{{Key: load.Hollow, Value: "true", Effect: corev1.TaintEffectNoSchedule}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Hollow"}}
	if err := r.writer.Nodes(ctx, []corev1.Node{node}); err != nil {
		return err
	}
	go r.writer.KeepLeases(life, []corev1.Node{node}, r.cfg.Timing.Lease)
	addresses, err := nodeAddresses(ctx, r, r.nodes[1])
	if err != nil {
		return err
	}
	for i := range maxPuppets {
		for _, ip := range r.measured(puppetIPs(i)) {
			if err := r.wire(ctx, ip, model.FamilyOf(ip).First(addresses), model.FamilyOf(ip).First(r.pods[far].ips)); err != nil {
				return fmt.Errorf("wire puppets: %w", err)
			}
		}
	}
	return nil
}

// wire leads packets for an address to the other node, and there to another address.
func (r *run) wire(ctx context.Context, ip, via, to netip.Addr) error {
	family, nat := "-4", "iptables"
	if ip.Is6() {
		family, nat = "-6", "ip6tables"
	}
	remote := r.cfg.Lab.EngineNodes()[1]
	return errors.Join(
		r.node.Run(ctx, "", "ip", family, "route", "replace", netip.PrefixFrom(ip, ip.BitLen()).String(), "via", via.String()),
		remote.Run(ctx, "", nat, "-w", "5", "-t", "nat", "-I", "PREROUTING", "-d", ip.String(), "-j", "DNAT", "--to-destination", to.String()),
	)
}

func nodeAddresses(ctx context.Context, r *run, name string) ([]netip.Addr, error) {
	n, err := r.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("wire puppets: %w", err)
	}
	var out []netip.Addr
	for _, a := range n.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP {
			out = append(out, ip)
		}
	}
	return out, nil
}

// callPolicy lets the caller call puppets that have the label, and nobody else.
func callPolicy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: serversNS, Name: "calls"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: selectPod(caller), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
			Egress: []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{withLabel("", called, "yes")}}},
		},
	}
}

// calls are the caller's flows to a puppet.
func (r *run) calls(i int) []flow {
	var out []flow
	for _, ip := range r.measured(puppetIPs(i)) {
		out = append(out, flow{client: caller, to: fmt.Sprintf("puppet-%d", i), addr: netip.AddrPortFrom(ip, port)})
	}
	return out
}

// allCalls are the caller's flows to the first n puppets.
func (r *run) allCalls(n int) []flow {
	var out []flow
	for i := range n {
		out = append(out, r.calls(i)...)
	}
	return out
}

// podLife creates a pod that a policy's peer selects, and deletes it.
func (r *run) podLife(ctx context.Context) error {
	return r.under(ctx, callPolicy(), func() error {
		p := r.puppet(0)
		err := r.flipAll(ctx, flip{
			phase: "pods", flows: r.calls(0), n: r.cfg.Samples, kinds: [2]Kind{PodDelete, PodCreate},
			deny:  func(ctx context.Context) error { return r.writer.EndPod(ctx, p.Namespace, p.Name) },
			allow: func(ctx context.Context) error { return r.writer.StartPod(ctx, p) },
		})
		if endErr := r.writer.EndPod(context.WithoutCancel(ctx), p.Namespace, p.Name); err == nil {
			err = endErr
		}
		return err
	})
}

// puppetPatience is for all puppets to be as wanted before a churn.
const puppetPatience = 30 * time.Second
