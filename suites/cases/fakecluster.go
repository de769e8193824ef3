package cases

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// FakeCluster is a cluster that exists in memory only: a state and its addresses, for tests
// without packets. It is the Binding of its own state.
type FakeCluster struct {
	Snapshot model.Snapshot
	families []model.Family
	services []Front  // that the case has created
	flows    []string // names of those that were opened
	lingers  []Ref    // pods that do, and were not deleted yet
	// ended are pods that hold their addresses no more, by logical key: completed ones, which are
	// still objects, and deleted ones.
	ended    map[string]endedPod
	ownPorts bool            // there are no node ports but theirs
	bare     map[string]bool // pods that began without a label, which their Services can't select
}

type endedPod struct {
	model.Pod
	object bool
}

// NewFakeCluster is a cluster in the state before a case's first step, with addresses of these
// families: three nodes, a host network pod on each, and the fixture's pods.
func NewFakeCluster(families ...model.Family) *FakeCluster {
	p := &FakeCluster{families: families, ended: map[string]endedPod{}, bare: map[string]bool{}}
	s := &p.Snapshot
	s.Namespaces = append(s.Namespaces, model.Namespace{Name: control, Labels: map[string]string{"ns": control}})
	for n := 1; n <= FixtureNodes; n++ {
		ips := fakeNodeIPs(families, n)
		s.Nodes = append(s.Nodes, model.Node{Name: nodeName(n), IPs: ips})
		s.Pods = append(s.Pods, controlPod(n, ips))
	}
	for _, n := range FixtureNamespaces() {
		n.Name = realName(n.Name)
		s.Namespaces = append(s.Namespaces, modelNamespace(n))
	}
	for i, pod := range FixturePods() {
		pod.Namespace = realName(pod.Namespace)
		s.Pods = append(s.Pods, modelPod(pod, fakePodIPs(families, pod.Node, i+1)))
	}
	return p
}

// Do makes the changes of actions, up to the first that fails. A snapshot that was read
// before is not changed.
func (p *FakeCluster) Do(actions ...Action) error {
	s := &p.Snapshot
	p.ended, p.bare = maps.Clone(p.ended), maps.Clone(p.bare)
	s.Namespaces, s.Pods, s.Policies = slices.Clone(s.Namespaces), slices.Clone(s.Pods), slices.Clone(s.Policies)
	p.services, p.lingers = slices.Clone(p.services), slices.Clone(p.lingers)
	for _, a := range actions {
		if err := a.do(context.Background(), p); err != nil {
			return err
		}
	}
	return nil
}

// Namespace is the real name of a logical one: never the same, so that a name that Bind
// forgot does not work by chance.
func (p *FakeCluster) Namespace(logical string) string { return realName(logical) }

// Families are the families that it was made with.
func (p *FakeCluster) Families() []model.Family { return p.families }

// PodIPs are the addresses of a pod, of a node's control prober, or of a host outside, by
// logical key.
func (p *FakeCluster) PodIPs(key string) []netip.Addr {
	if addr := WorldAddr(key); addr.IsValid() {
		return []netip.Addr{addr}
	}
	ref := refOf(key)
	at := p.pod(ref)
	if IsNodeKey(key) {
		at = p.bound(Ref{control, "node-" + ref.Name})
	}
	if at < 0 {
		return nil
	}
	return p.Snapshot.Pods[at].IPs
}

const (
	control = "control" // namespace of the nodes' own pods, which has no logical name
	suffix  = "-fake"
)

func realName(logical string) string { return logical + suffix }

func nodeName(n int) string { return fmt.Sprintf("node-%d", n) }

// controlPod has labels that policies of the cases select: a host network pod must be
// ignored in spite of them.
func controlPod(node int, ips []netip.Addr) model.Pod {
	return model.Pod{
		UID: "control/" + nodeName(node), Namespace: control, Name: nodeName(node),
		Labels: map[string]string{"pod": "a"}, Node: nodeName(node), IPs: ips, HostNetwork: true, Ports: DefaultPorts(),
	}
}

// modelNamespace is a bound namespace as the API server would store it.
func modelNamespace(n Namespace) model.Namespace {
	labels := maps.Clone(n.Labels)
	labels[corev1.LabelMetadataName] = n.Name
	return model.Namespace{Name: n.Name, Labels: labels}
}

func modelPod(p Pod, ips []netip.Addr) model.Pod {
	return model.Pod{
		UID: p.Key() + "@" + fmt.Sprint(ips), Namespace: p.Namespace, Name: p.Name, Labels: maps.Clone(p.Labels),
		Node: nodeName(p.Node), IPs: ips, HostNetwork: p.HostNetwork, Ports: slices.Clone(p.Ports),
	}
}

// fakePodIPs gives each node a /24 and a /64, as clusters do.
func fakePodIPs(families []model.Family, node, serial int) []netip.Addr {
	return model.PerFamily(families, netip.AddrFrom4([4]byte{10, 244, byte(node), byte(serial)}),
		netip.MustParseAddr(fmt.Sprintf("fd00:10:244:%x::%x", node, serial)))
}

func fakeNodeIPs(families []model.Family, node int) []netip.Addr {
	return model.PerFamily(families, netip.AddrFrom4([4]byte{172, 18, 0, byte(node)}),
		netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%x", node)))
}
