package diff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// clusters and perCluster make more than a million pairs.
const (
	clusters   = 1000
	perCluster = 1650
)

// After one changed policy, the report names exactly the flows whose verdict is another for the
// oracle, of raw pods and ports that are drawn, and that policy.
func TestChangesAreExact(t *testing.T) {
	pairs, changed := 0, 0
	for seed := range uint64(clusters) {
		before := gen.New(seed, 0).Snapshot
		after, name := edited(before, seed)
		r := Between(&inventory.Inventory{Snapshot: before}, &inventory.Inventory{Snapshot: after})
		draw := rand.New(rand.NewPCG(seed, 0x64696666))
		for range perCluster {
			i, j := draw.IntN(len(after.Pods)), draw.IntN(len(after.Pods))
			f, ok := flow(draw, &after, i, j)
			if !ok {
				continue
			}
			pairs++
			was, is := oracle.Evaluate(before, f).Verdict, oracle.Evaluate(after, f).Verdict
			got := r.find(i, j, f)
			switch {
			case was == is && got != nil:
				t.Fatalf("seed %d: %s stays %s, and the report says %+v", seed, f, is, got)
			case was != is && got == nil:
				t.Fatalf("seed %d: %s was %s and is %s, and the report says nothing", seed, f, was, is)
			case was != is && (got.Before != was || got.After != is || !slices.Equal(got.By, []string{name})):
				t.Fatalf("seed %d: %s was %s and is %s by %s, and the report says %+v", seed, f, was, is, name, got)
			case was != is:
				changed++
			}
		}
	}
	t.Logf("%d pairs of %d clusters, %d changed", pairs, clusters, changed)
	if changed < pairs/100 {
		t.Errorf("%d of %d changed: the property has lost its way", changed, pairs)
	}
}

// edited is a state with one policy changed, removed or added, and its name.
func edited(s model.Snapshot, seed uint64) (model.Snapshot, string) {
	s.Policies = slices.Clone(s.Policies)
	other := gen.New(seed+clusters, 0).Snapshot.Policies[0]
	at := int(seed) % len(s.Policies)
	p := s.Policies[at]
	switch seed % 3 {
	case 0:
		s.Policies = slices.Delete(s.Policies, at, at+1)
	case 1:
		changed := *p
		changed.Spec = other.Spec
		s.Policies[at] = &changed
	default:
		added := &netv1.NetworkPolicy{Spec: other.Spec}
		added.Namespace, added.Name = other.Namespace, "added"
		p, s.Policies = added, append(s.Policies, added)
	}
	return s, p.Namespace + "/" + p.Name
}

func flow(r *rand.Rand, s *model.Snapshot, i, j int) (model.Flow, bool) {
	a, b := &s.Pods[i], &s.Pods[j]
	if i == j || a.HostNetwork || b.HostNetwork || len(a.IPs) == 0 {
		return model.Flow{}, false
	}
	client := a.IPs[r.IntN(len(a.IPs))]
	f := model.Flow{Client: client, Server: model.FamilyOf(client).First(b.IPs), Protocol: []corev1.Protocol{"TCP", "UDP", "SCTP"}[r.IntN(3)], Port: uint16(1 + r.IntN(200))}
	if len(b.Ports) > 0 && r.IntN(2) == 0 {
		p := b.Ports[r.IntN(len(b.Ports))]
		f.Port, f.Protocol = p.Number, p.Protocol
	}
	return f, f.Server != netip.Addr{}
}

// find is the change that a flow between two pods is in.
func (r *Report) find(i, j int, f model.Flow) *Change {
	from, _ := r.after.ByPod(i)
	to, _ := r.after.ByPod(j)
	for k := range r.Changes {
		c := &r.Changes[k]
		if c.from == from && c.to == to && slices.Contains(c.Families, model.FamilyOf(f.Client)) &&
			c.ports.Protocol == f.Protocol && c.ports.First <= f.Port && f.Port <= c.ports.Last {
			return c
		}
	}
	return nil
}

func TestText(t *testing.T) {
	pods := func(labels ...string) (out []model.Pod) {
		for i, l := range labels {
			out = append(out, model.Pod{Namespace: "x", Name: l, Labels: map[string]string{"app": l}, IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}})
		}
		return out
	}
	deny := &netv1.NetworkPolicy{Spec: netv1.NetworkPolicySpec{PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}}}
	deny.Namespace, deny.Name = "x", "deny"
	before := &inventory.Inventory{Snapshot: model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}, Pods: pods("a", "b", "c")}}
	after := &inventory.Inventory{Snapshot: model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}, Pods: pods("a", "b", "d"), Policies: []*netv1.NetworkPolicy{deny}}}
	r := Between(before, after)
	var b bytes.Buffer
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"policy x/deny: added\n", "only before: x/c\n", "only after: x/d\n", "3 other\n",
	} {
		if want == "3 other\n" {
			want = fmt.Sprintf("0 changes gained flows, %d lost some, 0 other\n", len(r.Changes))
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if got := r.Count("lost"); got == 0 || got != len(r.Changes) {
		t.Errorf("%d lost of %d", got, len(r.Changes))
	}
	back := Between(after, before)
	if back.Count("gained") != r.Count("lost") {
		t.Errorf("%d gained on the way back, %d lost", back.Count("gained"), r.Count("lost"))
	}
}

// What an API server adds to what people write is no difference.
func TestDefaultsAreNoDifference(t *testing.T) {
	tcp := corev1.ProtocolTCP
	of := func(spec netv1.NetworkPolicySpec) *inventory.Inventory {
		p := &netv1.NetworkPolicy{Spec: spec}
		p.Namespace, p.Name = "x", "p"
		return &inventory.Inventory{Snapshot: model.Snapshot{Policies: []*netv1.NetworkPolicy{p}}}
	}
	written := of(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{Ports: []netv1.NetworkPolicyPort{{}}}}})
	kept := of(netv1.NetworkPolicySpec{
		PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}, Egress: []netv1.NetworkPolicyEgressRule{},
		Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{}, Ports: []netv1.NetworkPolicyPort{{Protocol: &tcp}}}},
	})
	if r := Between(written, kept); len(r.Policies) != 0 {
		t.Errorf("they differ: %+v", r.Policies)
	}
	kept.Policies[0].Spec.PolicyTypes = append(kept.Policies[0].Spec.PolicyTypes, netv1.PolicyTypeEgress)
	if r := Between(written, kept); len(r.Policies) != 1 {
		t.Errorf("they don't differ: %+v", r.Policies)
	}
}
