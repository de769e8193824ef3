package plan

import (
	"net/netip"
	"testing"

	netv1 "k8s.io/api/networking/v1"
)

func BenchmarkCompile(b *testing.B) {
	s := cluster(20000)
	for i := range 1000 {
		s.Policies = append(s.Policies, typical(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		Compile(s, "n1")
	}
}

func BenchmarkCompile10kCIDRs(b *testing.B) {
	s := cluster(100)
	p := typical(0)
	p.Spec.Ingress[0].From = nil
	for i := range 10000 {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i>>14), byte(i >> 6), byte(i << 2), 0}), 24).String()
		p.Spec.Ingress[0].From = append(p.Spec.Ingress[0].From, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: cidr}})
	}
	s.Policies = []*netv1.NetworkPolicy{p}
	b.ReportAllocs()
	for b.Loop() {
		Compile(s, "n1")
	}
}

// BenchmarkCompileChurn is BenchmarkCompile by a Compiler, with ten of the pods of other
// nodes replaced each time.
func BenchmarkCompileChurn(b *testing.B) {
	s := cluster(20000)
	for i := range 1000 {
		s.Policies = append(s.Policies, typical(i))
	}
	var c Compiler
	c.Compile(s, Options{Node: "n1", Existing: Keep})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range 10 {
			at := 100 + (n*10+i)*7%19000
			p := &s.Pods[at]
			p.IPs = []netip.Addr{netip.AddrFrom4([4]byte{11, byte(n >> 8), byte(n), byte(i)})}
		}
		c.Compile(s, Options{Node: "n1", Existing: Keep})
	}
}

// BenchmarkCompileEdit is BenchmarkCompile by a Compiler, with a policy replaced each time.
func BenchmarkCompileEdit(b *testing.B) {
	s := cluster(20000)
	for i := range 1000 {
		s.Policies = append(s.Policies, typical(i))
	}
	var c Compiler
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Policies[n%1000] = s.Policies[n%1000].DeepCopy()
		s.Policies[n%1000].Spec.PolicyTypes = []netv1.PolicyType{[]netv1.PolicyType{"Ingress", "Egress"}[n%2]}
		c.Compile(s, Options{Node: "n1", Existing: Keep})
	}
}
