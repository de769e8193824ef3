package matrix

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// clusters and perCluster make more than a million pairs.
const (
	clusters   = 4200
	perCluster = 450
)

// party is one end of a raw flow: a pod, or an address that is none's.
type party struct {
	pod  int // -1: none
	addr netip.Addr
}

// Whatever two raw ends and a port are drawn, the matrix says of their classes what the oracle
// says of themselves in the whole state.
func TestMatrixIsTheOracle(t *testing.T) {
	pairs, denied := 0, 0
	for seed := range uint64(clusters) {
		s := gen.New(seed, 45)
		r := rand.New(rand.NewPCG(seed, 0x6d6174726978))
		m := Of(&inventory.Inventory{Snapshot: s.Snapshot}, Options{})
		parties := drawn(&s)
		ports := interesting(&s.Snapshot, s.Flows)
		for range perCluster {
			a, b := parties[r.IntN(len(parties))], parties[r.IntN(len(parties))]
			f := model.Flow{Client: a.addr, Server: b.addr, Protocol: protocols()[r.IntN(3)], Port: ports[r.IntN(len(ports))]}
			from, to, ok := m.classesOf(&s.Snapshot, a, b)
			if !ok {
				continue
			}
			pairs++
			want := oracle.Evaluate(s.Snapshot, f)
			if got := m.Flows(from, to, model.FamilyOf(a.addr)).At(f.Protocol, f.Port); got != want.Verdict {
				t.Fatalf("seed %d: %s, %q to %q: %s, and the oracle says %s", seed, f, m.Classes[from].Key, m.Classes[to].Key, got, want)
			}
			if want.Verdict == model.Deny {
				denied++
			}
			if pairs%8 != 0 {
				continue
			}
			egress, ingress, ok := m.Ask(Flow{from, to, model.FamilyOf(a.addr), f.Protocol, f.Port})
			if got := oracle.Both(egress, ingress).Verdict; ok && got != want.Verdict {
				t.Fatalf("seed %d: %s: asked anew it is %s, and the oracle says %s", seed, f, got, want)
			}
		}
	}
	t.Logf("%d pairs of %d clusters, %d denied", pairs, clusters, denied)
	if denied < pairs/10 || pairs < clusters*perCluster/10 {
		t.Errorf("%d pairs, %d denied: the property has lost its way", pairs, denied)
	}
}

// drawn are all ends that a scenario has: pods, nodes, and the addresses outside that it names.
func drawn(s *gen.Scenario) []party {
	var out []party
	known := map[netip.Addr]bool{}
	for i := range s.Snapshot.Pods {
		p := &s.Snapshot.Pods[i]
		for _, a := range p.IPs {
			if !p.HostNetwork {
				known[a] = true
				out = append(out, party{i, a}, party{i, a})
			}
		}
	}
	for _, n := range s.Snapshot.Nodes {
		for _, a := range n.IPs {
			known[a] = true
			out = append(out, party{-1, a})
		}
	}
	for _, f := range s.Flows {
		for _, a := range []netip.Addr{f.Client, f.Server} {
			if !known[a] {
				known[a] = true
				out = append(out, party{-1, a})
			}
		}
	}
	return out
}

// interesting are ports at and beside all that is named anywhere.
func interesting(s *model.Snapshot, flows []model.Flow) []uint16 {
	out := []uint16{1, 65535, 4711}
	for _, p := range s.Policies {
		for _, port := range portsOf(p) {
			if port.Port == nil || port.Port.IntVal < 2 || port.Port.IntVal > 65534 {
				continue
			}
			n := uint16(port.Port.IntVal)
			out = append(out, n-1, n, n+1)
			if port.EndPort != nil && 0 < *port.EndPort && *port.EndPort < 65535 {
				out = append(out, uint16(*port.EndPort), uint16(*port.EndPort)+1)
			}
		}
	}
	for i := range s.Pods {
		for _, p := range s.Pods[i].Ports {
			out = append(out, p.Number)
		}
	}
	for _, f := range flows {
		out = append(out, f.Port)
	}
	return out
}

// classesOf are the classes of two ends; ok is false for what is no flow of the matrix.
func (m *Matrix) classesOf(s *model.Snapshot, a, b party) (from, to int, ok bool) {
	if model.FamilyOf(a.addr) != model.FamilyOf(b.addr) || a.pod == b.pod {
		return 0, 0, false
	}
	from, fromOK := m.classOf(s, a, b)
	to, toOK := m.classOf(s, b, a)
	return from, to, fromOK && toOK
}

func (m *Matrix) classOf(s *model.Snapshot, p, other party) (int, bool) {
	if p.pod >= 0 {
		return m.ByPod(p.pod)
	}
	if other.pod >= 0 && slices.ContainsFunc(s.Nodes, func(n model.Node) bool {
		return n.Name == s.Pods[other.pod].Node && slices.Contains(n.IPs, p.addr)
	}) {
		return m.ByKey("own node")
	}
	return m.ByAddr(p.addr)
}

func portsOf(p *netv1.NetworkPolicy) (out []netv1.NetworkPolicyPort) {
	for _, d := range []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress} {
		for _, r := range oracle.Rules(&p.Spec, d) {
			out = append(out, r.Ports...)
		}
	}
	return out
}
