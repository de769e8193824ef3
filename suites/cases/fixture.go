package cases

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// DefaultProbes are the ports that a case probes when it names none: 80/TCP, served by the
// probe container, and 8080/TCP, served by agnhost.
func DefaultProbes() []Probe {
	return []Probe{{80, corev1.ProtocolTCP}, {8080, corev1.ProtocolTCP}}
}

// DefaultPorts are the container ports that every pod of the fixture declares: six of the
// probe container, and agnhost's 8080/TCP.
func DefaultPorts() []model.Port {
	var ports []model.Port
	for _, proto := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
		for _, n := range []uint16{80, 81} {
			name := fmt.Sprintf("serve-%d-%s", n, strings.ToLower(string(proto)))
			ports = append(ports, model.Port{Name: name, Number: n, Protocol: proto})
		}
	}
	return append(ports, model.Port{Name: "agnhost", Number: 8080, Protocol: corev1.ProtocolTCP})
}

// FixtureNodes is the number of nodes that the fixture's pods are placed on.
const FixtureNodes = 3

// placement puts pods a, b, c of each namespace on nodes, so that there are pairs on one
// node and pairs across nodes, both within a namespace and between namespaces.
const placement = "x/a:1 x/b:1 x/c:2 y/a:2 y/b:2 y/c:3 z/a:3 z/b:3 z/c:1"

// FixtureNamespaces are the namespaces that exist before a case's first step, by logical
// name. Each has the label ns=NAME, and kubernetes.io/metadata.name, which the API server
// sets to the real name.
func FixtureNamespaces() []Namespace {
	var namespaces []Namespace
	for _, n := range []string{"x", "y", "z"} {
		namespaces = append(namespaces, Namespace{Name: n, Labels: map[string]string{"ns": n}})
	}
	return namespaces
}

// FixturePods are the pods that exist before a case's first step: a, b and c in each
// namespace, each with the label pod=NAME.
func FixturePods() []Pod {
	var pods []Pod
	for _, field := range strings.Fields(placement) {
		pods = append(pods, Pod{
			Ref:    Ref{Namespace: field[:1], Name: field[2:3]},
			Labels: map[string]string{"pod": field[2:3]},
			Node:   int(field[4] - '0'),
			Ports:  DefaultPorts(),
		})
	}
	return pods
}

// Fixture is the state before a case's first step in a cluster that exists on paper only,
// for tests without packets: three nodes, each with a host network pod, and the fixture's
// pods, with addresses of these families.
func Fixture(families []corev1.IPFamily) (model.Snapshot, Binding) {
	var s model.Snapshot
	for n := 1; n <= FixtureNodes; n++ {
		s.Nodes = append(s.Nodes, model.Node{Name: nodeName(n), IPs: paperNodeIPs(families, n)})
	}
	for _, n := range FixtureNamespaces() {
		s.Namespaces = append(s.Namespaces, paperNamespace(n))
	}
	for i, p := range FixturePods() {
		s.Pods = append(s.Pods, paperPod(p, families, i+1))
	}
	return s, &paperBinding{families: families, snapshot: &s}
}

// realName is what a logical namespace is called on paper: never the logical name, so that
// a name that Bind forgot does not work by chance.
func realName(logical string) string { return logical + "-paper" }

func nodeName(n int) string { return fmt.Sprintf("node-%d", n) }

func paperNamespace(n Namespace) model.Namespace {
	labels := map[string]string{corev1.LabelMetadataName: realName(n.Name)}
	for k, v := range n.Labels {
		labels[k] = v
	}
	return model.Namespace{Name: realName(n.Name), Labels: labels}
}

func paperPod(p Pod, families []corev1.IPFamily, serial int) model.Pod {
	return model.Pod{
		UID: fmt.Sprintf("uid-%d", serial), Namespace: realName(p.Namespace), Name: p.Name,
		Labels: p.Labels, Node: nodeName(p.Node), IPs: paperPodIPs(families, p.Node, serial), Ports: p.Ports,
	}
}

// paperPodIPs gives each node a /24 and a /64, as clusters do.
func paperPodIPs(families []corev1.IPFamily, node, serial int) []netip.Addr {
	var ips []netip.Addr
	for _, f := range families {
		if f == corev1.IPv6Protocol {
			ips = append(ips, netip.MustParseAddr(fmt.Sprintf("fd00:10:244:%x::%x", node, serial)))
		} else {
			ips = append(ips, netip.AddrFrom4([4]byte{10, 244, byte(node), byte(serial)}))
		}
	}
	return ips
}

func paperNodeIPs(families []corev1.IPFamily, node int) []netip.Addr {
	var ips []netip.Addr
	for _, f := range families {
		if f == corev1.IPv6Protocol {
			ips = append(ips, netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%x", node)))
		} else {
			ips = append(ips, netip.AddrFrom4([4]byte{172, 18, 0, byte(node)}))
		}
	}
	return ips
}

// paperBinding binds actions to a snapshot on paper, which the caller keeps current.
type paperBinding struct {
	families []corev1.IPFamily
	snapshot *model.Snapshot
}

func (b *paperBinding) Namespace(logical string) string { return realName(logical) }

func (b *paperBinding) Families() []corev1.IPFamily { return b.families }

func (b *paperBinding) PodIPs(key string) []netip.Addr {
	ns, name, _ := strings.Cut(key, "/")
	for _, p := range b.snapshot.Pods {
		if p.Namespace == realName(ns) && p.Name == name {
			return p.IPs
		}
	}
	return nil
}
