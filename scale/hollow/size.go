package hollow

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Size says how many objects of each kind there are. Equal sizes have equal objects.
type Size struct {
	Nodes      int
	Pods       int // in all, spread evenly over nodes and namespaces
	Namespaces int
	Policies   int
	Seed       uint64 // of what policies say
}

// The address plan: a /24 and a /64 per node, of networks that no lab or cluster of ours
// uses for its own pods.
const (
	maxNodes    = 4096
	firstHost   = 10
	hostsOfNode = 240
)

// The vocabulary of labels.
const (
	apps  = 10 // in each namespace
	teams = 8  // that namespaces belong to
)

// Check refuses what can't be built, naming the flag and the cure.
func (s Size) Check() error {
	switch {
	case s.Nodes < 1 || s.Nodes > maxNodes:
		return fmt.Errorf("--nodes %d: give 1 to %d", s.Nodes, maxNodes)
	case s.Pods < 1:
		return fmt.Errorf("--pods %d: give at least 1", s.Pods)
	case s.Namespaces < 1:
		return fmt.Errorf("--namespaces %d: give at least 1", s.Namespaces)
	case s.Policies < 0:
		return fmt.Errorf("--policies %d: must not be negative", s.Policies)
	case s.perNode() > hostsOfNode:
		return fmt.Errorf("--pods %d on --nodes %d: a node has room for %d, give more nodes", s.Pods, s.Nodes, hostsOfNode)
	}
	return nil
}

func (s Size) perNode() int { return (s.Pods + s.Nodes - 1) / s.Nodes }

// NamespaceName is the name of namespace i.
func NamespaceName(i int) string { return fmt.Sprintf("hollow-%03d", i) }

func nodeName(i int) string { return fmt.Sprintf("hollow-node-%03d", i) }

func tier(app int) string { return [...]string{"frontend", "backend", "database"}[app%3] }

// Labels are those of a pod of an app in a namespace, as a Deployment would give them.
func Labels(namespace, app int) map[string]string {
	app %= apps
	return map[string]string{
		"app": fmt.Sprintf("app-%d", app), "tier": tier(app), "version": fmt.Sprintf("v%d", app%2),
		"pod-template-hash": fmt.Sprintf("%05x", 7919*(namespace*apps+app)),
	}
}

func (s Size) namespace(i int) *corev1.Namespace {
	env := "dev"
	if i%4 == 0 {
		env = "prod"
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: NamespaceName(i), Labels: map[string]string{
		"team": fmt.Sprintf("team-%d", i%teams), "env": env,
	}}}
}

// cidrs are the pod networks of a node.
func cidrs(node int) (v4, v6 netip.Prefix) {
	six := netip.MustParseAddr("fd00:100:64::").As16()
	six[6], six[7] = byte(node>>8), byte(node)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + node>>8), byte(node), 0}), 24),
		netip.PrefixFrom(netip.AddrFrom16(six), 64)
}

func (s Size) node(i int) *corev1.Node {
	v4, v6 := cidrs(i)
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), Labels: map[string]string{"netassay.io/hollow": "true", corev1.LabelHostname: nodeName(i)}},
		Spec:       corev1.NodeSpec{PodCIDR: v4.String(), PodCIDRs: []string{v4.String(), v6.String()}},
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: v4.Addr().Next().String()}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Hollow"}}
	n.Status.Capacity = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("250"), corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi")}
	n.Status.Allocatable = n.Status.Capacity
	return n
}

// podIPs are the addresses of pod i in its life number life: a pod that replaces another
// has other addresses, as far as its node has some.
func (s Size) podIPs(i, life int) []corev1.PodIP {
	v4, v6 := cidrs(i % s.Nodes)
	per := s.perNode()
	host := byte(firstHost + i/s.Nodes + per*(life%(hostsOfNode/per)))
	four, six := v4.Addr().As4(), v6.Addr().As16()
	four[3], six[15] = host, host
	return []corev1.PodIP{{IP: netip.AddrFrom4(four).String()}, {IP: netip.AddrFrom16(six).String()}}
}

// pod is pod i in its life number life, of the size that pods of Deployments have.
func (s Size) pod(i, life int) *corev1.Pod {
	namespace, app := i%s.Namespaces, i/s.Namespaces
	labels := Labels(namespace, app)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:      fmt.Sprintf("%s-%s-%05d-%d", labels["app"], labels["pod-template-hash"], i, life),
			Namespace: NamespaceName(namespace), Labels: labels,
			Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
		},
		Spec: corev1.PodSpec{
			NodeName:   nodeName(i % s.Nodes),
			Containers: []corev1.Container{container()},
		},
	}
}

// Ports are those that pods declare; policies name them.
func Ports() []corev1.ContainerPort {
	return []corev1.ContainerPort{
		{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP},
		{Name: "metrics", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
		{Name: "dns", ContainerPort: 5353, Protocol: corev1.ProtocolUDP},
	}
}

func container() corev1.Container {
	return corev1.Container{
		Name: "main", Image: "registry.example/team/service:v1.2.3", Command: []string{"/service", "--listen=:8080"},
		Ports: Ports(),
		Env: []corev1.EnvVar{
			{Name: "LOG_LEVEL", Value: "info"},
			{Name: "DATABASE_URL", Value: "postgres://database.svc:5432/main"},
			{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
	}
}

// status is that of a pod that has run for a while.
func (s Size) status(i, life int) corev1.PodStatus {
	ips, now, yes := s.podIPs(i, life), metav1.Now(), true
	v4, _ := cidrs(i % s.Nodes)
	st := corev1.PodStatus{
		Phase: corev1.PodRunning, HostIP: v4.Addr().Next().String(), PodIP: ips[0].IP, PodIPs: ips,
		StartTime: &now, QOSClass: corev1.PodQOSBurstable,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "main", Ready: true, Started: &yes, Image: "registry.example/team/service:v1.2.3",
			ImageID: "registry.example/team/service@sha256:0000000000000000000000000000000000000000000000000000000000000000", ContainerID: fmt.Sprintf("containerd://%064x", i),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		st.Conditions = append(st.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	return st
}
