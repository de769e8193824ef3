package load

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/profile"
)

// Pod is a pod as far as policies see it. It is small, for there are many.
type Pod struct {
	Namespace, Name string
	Labels          map[string]string // shared by equal pods: replace, never write
	Node            string            // "" for a real pod: the cluster places it
	IPs             []netip.Addr
}

// Object is the pod as the API server stores it, without its status.
func (p Pod) Object() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels},
		Spec: corev1.PodSpec{
			NodeName:   p.Node,
			Containers: []corev1.Container{{Name: "main", Image: "registry.example/team/service:v1.2.3", Ports: Ports()}},
		},
	}
}

// Status is the status of a hollow pod that runs: phase, addresses and readiness.
func (p Pod) Status() corev1.PodStatus {
	st := corev1.PodStatus{Phase: corev1.PodRunning}
	for _, ip := range p.IPs {
		st.PodIPs = append(st.PodIPs, corev1.PodIP{IP: ip.String()})
	}
	if len(st.PodIPs) > 0 {
		st.PodIP = st.PodIPs[0].IP
	}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		st.Conditions = append(st.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue})
	}
	return st
}

// Ports are those that pods declare; policies name them.
func Ports() []corev1.ContainerPort {
	return []corev1.ContainerPort{
		{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP},
		{Name: "metrics", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
		{Name: "dns", ContainerPort: 5353, Protocol: corev1.ProtocolUDP},
	}
}

// Labels are those of the pods of an app in a namespace.
func Labels(namespace, app int) map[string]string {
	app %= apps
	tiers := [...]string{"frontend", "backend", "database"}
	return map[string]string{
		"app": fmt.Sprintf("app-%d", app), "tier": tiers[app%3], "version": fmt.Sprintf("v%d", app%2),
		"pod-template-hash": fmt.Sprintf("%05x", 7919*(namespace*apps+app)),
	}
}

func hollowPod(p profile.Profile, i int) Pod {
	namespace, app := i%p.Namespaces, i/p.Namespaces
	return Pod{
		Namespace: NamespaceName(namespace), Name: fmt.Sprintf("app-%d-%06d", app%apps, i), Labels: Labels(namespace, app),
		Node: nodeName(i % p.Nodes), IPs: addresses(i%p.Nodes, i/p.Nodes, p.Families),
	}
}

func localPod(p profile.Profile, i int) Pod {
	namespace, app := i%p.Namespaces, i/p.Namespaces
	return Pod{Namespace: NamespaceName(namespace), Name: fmt.Sprintf("local-%d-%03d", app%apps, i), Labels: Labels(namespace, app)}
}

func nodeName(i int) string { return fmt.Sprintf("load-node-%05d", i) }

// networks are the pod networks of a node: a /24 of 100.64.0.0/10 and a /64 of a ULA
// network, which no cluster of ours uses for its own pods.
func networks(node int) (v4, v6 netip.Prefix) {
	six := netip.MustParseAddr("fd00:100:64::").As16()
	six[6], six[7] = byte(node>>8), byte(node)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + node>>8), byte(node), 0}), 24),
		netip.PrefixFrom(netip.AddrFrom16(six), 64)
}

// firstHost leaves room for the node's own addresses.
const firstHost = 10

func addresses(node, host int, f model.Families) []netip.Addr {
	v4, v6 := networks(node)
	four, six := v4.Addr().As4(), v6.Addr().As16()
	four[3], six[15] = byte(firstHost+host), byte(firstHost+host)
	return model.PerFamily(f.List(), netip.AddrFrom4(four), netip.AddrFrom16(six))
}

func node(i int, f model.Families) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), Labels: map[string]string{Hollow: "true", corev1.LabelHostname: nodeName(i)}}}
	n.Spec.Taints = []corev1.Taint{{Key: Hollow, Value: "true", Effect: corev1.TaintEffectNoSchedule}}
	v4, v6 := networks(i)
	for _, network := range model.PerFamily(f.List(), v4, v6) {
		n.Spec.PodCIDRs = append(n.Spec.PodCIDRs, network.String())
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: network.Addr().Next().String()})
	}
	n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Hollow"}}
	n.Status.Capacity = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("250"), corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi")}
	n.Status.Allocatable = n.Status.Capacity
	return n
}
