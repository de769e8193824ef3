package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typednetv1 "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/podspec"
)

// The policies. Both select the server.
const (
	large = "large" // allows two lists of CIDRs in turn, and the must-pass clients
	extra = "extra" // deleted and made again; allows nobody who is there
)

// policies writes the policies.
type policies struct {
	api      typednetv1.NetworkPolicyInterface
	versions [2]*netv1.NetworkPolicy // of the large one
	extra    *netv1.NetworkPolicy
	edits    atomic.Int64 // until now; the version in force is the last bit
}

// newPolicies lets the clients' addresses in, whatever the version.
func newPolicies(api typednetv1.NetworkPolicyInterface, cidrsEach int, clients ...netip.Addr) *policies {
	p := &policies{api: api, extra: ingress(extra, block(netip.MustParsePrefix("13.0.0.0/8")))}
	for v := range p.versions {
		peers := cidrs(v, cidrsEach)
		for _, ip := range clients {
			peers = append(peers, block(netip.PrefixFrom(ip, ip.BitLen())))
		}
		p.versions[v] = ingress(large, peers...)
	}
	return p
}

// ingress lets peers in to the server.
func ingress(name string, peers ...netv1.NetworkPolicyPeer) *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{podspec.PodLabel: server}},
			PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: peers}},
		},
	}
}

func block(p netip.Prefix) netv1.NetworkPolicyPeer {
	return netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: p.String()}}
}

// cidrs are n prefixes of which no two can be merged, half of each family, and none is in
// the other version; none holds an address of the lab.
func cidrs(version, n int) []netv1.NetworkPolicyPeer {
	first4, first6 := byte(11+version), byte(0x0a+version)
	var out []netv1.NetworkPolicyPeer
	for i := range n / 2 {
		hi, lo := byte(i>>8), byte(i)
		out = append(out,
			block(netip.PrefixFrom(netip.AddrFrom4([4]byte{first4, hi, lo, 0}), 25)),
			block(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, first6, hi, lo}), 64)))
	}
	return out
}

// create makes the first version of the large policy.
func (p *policies) create(ctx context.Context) error { return p.make(ctx, p.versions[0]) }

func (p *policies) make(ctx context.Context, policy *netv1.NetworkPolicy) error {
	if _, err := p.api.Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create policy %s: %w", policy.Name, err)
	}
	return nil
}

func (p *policies) makeExtra(ctx context.Context) error { return p.make(ctx, p.extra) }

func (p *policies) deleteExtra(ctx context.Context) error {
	if err := p.api.Delete(ctx, extra, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete policy %s: %w", extra, err)
	}
	return nil
}

// edit replaces the large policy by its other version.
func (p *policies) edit(ctx context.Context) error {
	next := (p.edits.Load() + 1) % 2
	if _, err := p.api.Update(ctx, p.versions[next], metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("edit policy %s: %w", large, err)
	}
	p.edits.Add(1)
	return nil
}

// editing edits the large policy every 50 to 300 ms while do runs.
func (p *policies) editing(ctx context.Context, pace *rand.Rand, do func(context.Context) error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		for flows.Pause(running, 50*time.Millisecond+upTo(pace, 250*time.Millisecond)) == nil {
			if err := p.edit(ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	err := do(ctx)
	stop()
	return errors.Join(err, <-done)
}
