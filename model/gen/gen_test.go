package gen

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

var compareNetip = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestSameSeedSameScenario(t *testing.T) {
	for seed := range uint64(50) {
		if diff := cmp.Diff(New(seed, 10), New(seed, 10), compareNetip); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		s := New(seed, 0).Snapshot
		if diff := cmp.Diff(Edit(s, seed), Edit(s, seed), compareNetip); diff != "" {
			t.Fatalf("edit, seed %d:\n%s", seed, diff)
		}
	}
}

// An edit changes something nearly always, and never the snapshot that it is given.
func TestEdit(t *testing.T) {
	changed := 0
	for seed := range uint64(200) {
		s, untouched := New(seed, 0).Snapshot, New(seed, 0).Snapshot
		out := Edit(s, seed)
		if diff := cmp.Diff(untouched, s, compareNetip); diff != "" {
			t.Fatalf("seed %d: the input changed:\n%s", seed, diff)
		}
		if !cmp.Equal(s, out, compareNetip) {
			changed++
		}
	}
	if changed < 180 {
		t.Errorf("%d of 200 edits changed something", changed)
	}
}

// Flows must be such as a network can carry.
func TestFlows(t *testing.T) {
	for seed := range uint64(100) {
		for _, f := range New(seed, 20).Flows {
			if f.Client.Is4() != f.Server.Is4() || f.Client.Is4In6() || f.Port == 0 {
				t.Errorf("seed %d: %s", seed, f)
			}
		}
	}
}

// Every word of the grammar must turn up, or the proof is silent about it.
func TestGrammarIsCovered(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(500) {
		s := New(seed, 0).Snapshot
		for _, p := range s.Policies {
			countPolicy(seen, p)
		}
		for i := range s.Pods {
			countPod(seen, &s.Pods[i])
		}
	}
	for _, word := range []string{
		"op In", "op NotIn", "op Exists", "op DoesNotExist", "matchLabels", "every pod",
		"types none", "types Ingress", "types Egress", "types Ingress Egress",
		"any peer", "podSelector", "namespaceSelector", "both selectors", "ipBlock", "excepts", "except all", "empty peer", "ipBlock and selector",
		"any port", "port absent", "port named", "port nameless", "port number", "endPort", "endPort above", "unreadable podSelector", "default protocol", "TCP", "UDP", "SCTP", "ICMP", "many ports",
		"hostNetwork", "no address", "one family", "dual-stack",
	} {
		if seen[word] < 5 {
			t.Errorf("%q turned up %d times", word, seen[word])
		}
	}
}

func countPod(seen map[string]int, p *model.Pod) {
	if p.HostNetwork {
		seen["hostNetwork"]++
	}
	seen[[]string{"no address", "one family", "dual-stack"}[len(p.IPs)]]++
}

func countPolicy(seen map[string]int, p *netv1.NetworkPolicy) {
	types := "types"
	for _, x := range p.Spec.PolicyTypes {
		types += " " + string(x)
	}
	if types == "types" {
		types = "types none"
	}
	seen[types]++
	countSelector(seen, &p.Spec.PodSelector)
	if _, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector); err != nil {
		seen["unreadable podSelector"]++
	}
	for _, r := range p.Spec.Ingress {
		countPeers(seen, r.From)
		countPorts(seen, r.Ports)
	}
	for _, r := range p.Spec.Egress {
		countPeers(seen, r.To)
		countPorts(seen, r.Ports)
	}
}

func countSelector(seen map[string]int, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	if len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		seen["every pod"]++
	}
	if len(s.MatchLabels) > 0 {
		seen["matchLabels"]++
	}
	for _, r := range s.MatchExpressions {
		seen["op "+string(r.Operator)]++
	}
}

func countPeers(seen map[string]int, peers []netv1.NetworkPolicyPeer) {
	if len(peers) == 0 {
		seen["any peer"]++
	}
	for _, p := range peers {
		countSelector(seen, p.PodSelector)
		countSelector(seen, p.NamespaceSelector)
		selectors := p.PodSelector != nil || p.NamespaceSelector != nil
		switch {
		case p.IPBlock != nil && selectors:
			seen["ipBlock and selector"]++
		case p.IPBlock != nil:
			countBlock(seen, p.IPBlock)
		case p.PodSelector != nil && p.NamespaceSelector != nil:
			seen["both selectors"]++
		case p.PodSelector != nil:
			seen["podSelector"]++
		case p.NamespaceSelector != nil:
			seen["namespaceSelector"]++
		default:
			seen["empty peer"]++
		}
	}
}

func countBlock(seen map[string]int, b *netv1.IPBlock) {
	seen["ipBlock"]++
	if len(b.Except) > 1 {
		seen["excepts"]++
	}
	for _, e := range b.Except {
		if e == b.CIDR {
			seen["except all"]++
		}
	}
}

func countPorts(seen map[string]int, ports []netv1.NetworkPolicyPort) {
	switch {
	case len(ports) == 0:
		seen["any port"]++
	case len(ports) > 15:
		seen["many ports"]++
	}
	for _, p := range ports {
		if p.Protocol == nil {
			seen["default protocol"]++
		} else {
			seen[string(*p.Protocol)]++
		}
		if p.EndPort != nil {
			seen["endPort"]++
			if *p.EndPort > 65535 {
				seen["endPort above"]++
			}
		}
		switch {
		case p.Port == nil:
			seen["port absent"]++
		case p.Port.Type == intstr.String && p.Port.StrVal == "":
			seen["port nameless"]++
		case p.Port.Type == intstr.String:
			seen["port named"]++
		default:
			seen["port number"]++
		}
	}
}

func TestLarge(t *testing.T) {
	size := Size{Nodes: 5, Namespaces: 4, Workloads: 12, Pods: 100, Policies: 40}
	s := Large(3, size)
	if diff := cmp.Diff(s, Large(3, size), compareNetip); diff != "" {
		t.Errorf("seed 3:\n%s", diff)
	}
	if len(s.Nodes) != size.Nodes || len(s.Namespaces) != size.Namespaces || len(s.Pods) != size.Pods || len(s.Policies) != size.Policies {
		t.Errorf("%d nodes, %d namespaces, %d pods, %d policies, want %+v", len(s.Nodes), len(s.Namespaces), len(s.Pods), len(s.Policies), size)
	}
	names, addrs := map[string]bool{}, map[netip.Addr]bool{}
	for _, p := range s.Pods {
		if names[p.Key()] || addrs[p.IPs[0]] || addrs[p.IPs[1]] {
			t.Errorf("%s is there twice, or an address of it", p.Key())
		}
		names[p.Key()], addrs[p.IPs[0]], addrs[p.IPs[1]] = true, true, true
	}
}
