package run

import (
	"context"
	"fmt"
	"net/netip"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
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

func (c *cluster) puppet(i int) load.Pod {
	return load.Pod{
		Namespace: c.space(puppetsNS), Name: fmt.Sprintf("puppet-%d", i), Node: puppetNode,
		Labels: map[string]string{called: "yes"}, IPs: c.measured(puppetIPs(i)),
	}
}

// callPolicy lets the caller call puppets that have the label, and nobody else.
func (c *cluster) callPolicy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.space(serversNS), Name: "calls"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: selectPod(caller), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
			Egress: []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{withLabel("", called, "yes")}}},
		},
	}
}

// calls are the caller's flows to a puppet.
func (c *cluster) calls(i int) []flows.Flow {
	return flows.To(probe.Pod{Name: fmt.Sprintf("puppet-%d", i), Addrs: c.measured(puppetIPs(i))}, port, c.pods[caller])
}

// podLife creates a pod that a policy's peer selects, and deletes it.
type podLife struct {
	*traffic
	samples int
}

func (p podLife) Execute(ctx context.Context) error {
	return p.under(ctx, p.callPolicy(), func() error {
		pod := p.puppet(0)
		err := p.flipAll(ctx, flip{
			phase: "pods", flows: p.calls(0), n: p.samples, kinds: [2]string{PodDelete, v1.PodCreate},
			deny:  func(ctx context.Context) error { return p.writer.EndPod(ctx, pod.Namespace, pod.Name) },
			allow: func(ctx context.Context) error { return p.writer.StartPod(ctx, pod) },
		})
		if endErr := p.writer.EndPod(context.WithoutCancel(ctx), pod.Namespace, pod.Name); err == nil {
			err = endErr
		}
		return err
	})
}
