package kernel

import (
	"fmt"
	"net/netip"
	"testing"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// BenchmarkDiff compares an empty kernel with the plan of a thousand policies.
func BenchmarkDiff(b *testing.B) {
	s := model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}}
	port := intstr.FromInt32(443)
	for i := range 1000 {
		selector := metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint(i % 100)}}
		s.Pods = append(s.Pods, model.Pod{
			Namespace: "x", Name: fmt.Sprint("p", i), Node: "n1", Labels: selector.MatchLabels,
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})},
		})
		s.Policies = append(s.Policies, &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprint("policy-", i)},
			Spec: netv1.NetworkPolicySpec{PodSelector: selector, Ingress: []netv1.NetworkPolicyIngressRule{{
				From:  []netv1.NetworkPolicyPeer{{PodSelector: &selector}, {NamespaceSelector: &selector}},
				Ports: []netv1.NetworkPolicyPort{{Port: &port}},
			}}},
		})
	}
	p := plan.Compile(s, "n1").IPv4
	b.ReportAllocs()
	for b.Loop() {
		if _, err := diff(newFamily(), p, func(netip.Addr) bool { return false }); err != nil {
			b.Fatal(err)
		}
	}
}
