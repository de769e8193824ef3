package inventory

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

func TestSecondOfANameIsRefused(t *testing.T) {
	policy := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	for _, tc := range []struct {
		name string
		add  func(b *Builder, origin string) error
		want string
	}{
		{"namespace", func(b *Builder, o string) error { return b.Namespace(o, model.Namespace{Name: "shop"}) }, "Namespace shop"},
		{"node", func(b *Builder, o string) error { return b.Node(o, model.Node{Name: "n1"}) }, "Node n1"},
		{"pod", func(b *Builder, o string) error { return b.Pod(o, model.Pod{Namespace: "shop", Name: "web"}) }, "Pod shop/web"},
		{"policy", func(b *Builder, o string) error { return b.Policy(o, policy) }, "NetworkPolicy shop/web"},
		{"service", func(b *Builder, o string) error { return b.Service(o, Service{Namespace: "shop", Name: "web"}) }, "Service shop/web"},
		{"workload", func(b *Builder, o string) error { return b.Object(o, "Deployment", "shop/web") }, "Deployment shop/web"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b Builder
			if err := tc.add(&b, "a.yaml:1"); err != nil {
				t.Fatal(err)
			}
			err := tc.add(&b, "b.yaml:7")
			if want := "b.yaml:7: " + tc.want + " is given a second time, first by a.yaml:1: remove one"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestMissingNamespacesAreMade(t *testing.T) {
	var b Builder
	labels := map[string]string{"team": "red"}
	for _, err := range []error{
		b.Namespace("a", model.Namespace{Name: "shop", Labels: labels}),
		b.Pod("a", model.Pod{Namespace: "shop", Name: "web"}),
		b.Pod("a", model.Pod{Namespace: "db", Name: "sql"}),
		b.Service("a", Service{Namespace: "edge", Name: "in"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []model.Namespace{
		{Name: "db", Labels: map[string]string{"kubernetes.io/metadata.name": "db"}},
		{Name: "edge", Labels: map[string]string{"kubernetes.io/metadata.name": "edge"}},
		{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop", "team": "red"}},
	}
	if diff := cmp.Diff(want, b.Done().Namespaces); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(labels) != 1 {
		t.Errorf("the caller's labels were changed: %v", labels)
	}
}

func TestKindsAreCounted(t *testing.T) {
	var b Builder
	for _, k := range [][2]string{
		{"v1", "ConfigMap"},
		{"cilium.io/v2", "CiliumNetworkPolicy"},
		{"v1", "ConfigMap"},
		{"policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"},
		{"crd.projectcalico.org/v1", "GlobalNetworkPolicy"},
		{"crd.projectcalico.org/v1", "IPPool"},
	} {
		b.Ignore(k[0], k[1])
	}
	inv := b.Done()
	want := []Kind{{"v1", "ConfigMap", 2}, {"crd.projectcalico.org/v1", "IPPool", 1}}
	if diff := cmp.Diff(want, inv.Ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	var names []string
	for _, k := range inv.Foreign {
		names = append(names, k.String())
	}
	if diff := cmp.Diff([]string{"AdminNetworkPolicy.policy.networking.k8s.io", "CiliumNetworkPolicy.cilium.io", "GlobalNetworkPolicy.crd.projectcalico.org"}, names); diff != "" {
		t.Errorf("foreign (-want +got):\n%s", diff)
	}
}

func TestServiceFromAPI(t *testing.T) {
	got := ServiceFromAPI(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"}, ClusterIP: "None", LoadBalancerSourceRanges: []string{"10.0.0.7/8", "nonsense"},
			Ports: []corev1.ServicePort{{Port: 80}, {Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromString("dns"), NodePort: 30053}},
		},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "203.0.113.9"}, {Hostname: "a.example"}}}},
	})
	want := Service{
		Namespace: "shop", Name: "web", Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "web"},
		ExternalIPs: []netip.Addr{netip.MustParseAddr("203.0.113.9")}, SourceRanges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Ports: []ServicePort{
			{Protocol: corev1.ProtocolTCP, Port: 80, Target: intstr.FromInt32(80)},
			{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53, Target: intstr.FromString("dns"), NodePort: 30053},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		pod  model.Pod
		want bool
	}{
		{model.Pod{Namespace: "shop", Labels: map[string]string{"app": "web", "x": "y"}}, true},
		{model.Pod{Namespace: "shop", Labels: map[string]string{"x": "y"}}, false},
		{model.Pod{Namespace: "db", Labels: map[string]string{"app": "web"}}, false},
	} {
		if got.Selects(tc.pod) != tc.want {
			t.Errorf("selects %s %v: %t", tc.pod.Namespace, tc.pod.Labels, !tc.want)
		}
	}
}
