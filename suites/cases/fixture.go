package cases

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// DefaultProbes are the ports that a case probes when it names none: 80/TCP, served by the
// probe container, and 8080/TCP, served by agnhost.
func DefaultProbes() []Probe {
	return []Probe{{Port: 80, Protocol: corev1.ProtocolTCP}, {Port: 8080, Protocol: corev1.ProtocolTCP}}
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

// QuietPorts are what every pod serves besides, and declares to nobody: the ports of DNS, one
// of the range of NodePorts, and the last of all.
func QuietPorts() []Probe {
	return []Probe{
		{Port: 53, Protocol: corev1.ProtocolTCP},
		{Port: 53, Protocol: corev1.ProtocolUDP},
		{Port: 30080, Protocol: corev1.ProtocolTCP},
		{Port: 65535, Protocol: corev1.ProtocolTCP},
	}
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
