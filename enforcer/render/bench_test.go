package render_test

import (
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"testing"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// busy is a node with a thousand policies, each with four peers, two blocks, a port and a
// named port.
func busy() model.Snapshot {
	s := model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}}
	for i := range 100 {
		s.Pods = append(s.Pods, model.Pod{
			Namespace: "x", Name: fmt.Sprint("p", i), Node: "n1", Labels: map[string]string{"app": fmt.Sprint(i)},
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+1))},
		})
	}
	port, name := intstr.FromInt32(443), intstr.FromString("http")
	for i := range 1000 {
		selector := func(n int) *metav1.LabelSelector {
			return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint((i + n) % 100)}}
		}
		p := &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprint("policy-of-a-usual-length-", i)},
			Spec: netv1.NetworkPolicySpec{PodSelector: *selector(0), Ingress: []netv1.NetworkPolicyIngressRule{{
				From: []netv1.NetworkPolicyPeer{
					{PodSelector: selector(1)},
					{PodSelector: selector(2)},
					{PodSelector: selector(3)},
					{IPBlock: &netv1.IPBlock{CIDR: fmt.Sprintf("172.%d.0.0/16", i%250)}},
				},
				Ports: []netv1.NetworkPolicyPort{{Port: &port}, {Port: &name}},
			}}},
		}
		s.Policies = append(s.Policies, p)
	}
	return s
}

// BenchmarkPlan also says what a plan holds on to.
func BenchmarkPlan(b *testing.B) {
	s := busy()
	b.ReportAllocs()
	var before, after runtime.MemStats
	plan.Compile(s, "n1")
	runtime.GC()
	runtime.ReadMemStats(&before)
	p := plan.Compile(s, "n1")
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(p)
	for b.Loop() {
		plan.Compile(s, "n1")
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc), "held-B")
}

func BenchmarkRules(b *testing.B) {
	p := plan.Compile(busy(), "n1")
	b.ReportAllocs()
	for b.Loop() {
		if err := render.Rules(io.Discard, render.Full(p.IPv4)); err != nil {
			b.Fatal(err)
		}
	}
}
