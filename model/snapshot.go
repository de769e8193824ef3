package model

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
)

// Namespace is what policies can say about a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Node is what policies can meet of a node: its addresses, and those it gives to its pods.
type Node struct {
	Name     string
	IPs      []netip.Addr
	PodCIDRs []netip.Prefix // spec.podCIDRs, masked; empty where pods' addresses come from elsewhere
}

// Port is a named or unnamed container port. Name is empty for unnamed ports.
type Port struct {
	Name     string
	Number   uint16
	Protocol corev1.Protocol // never empty: defaulted to TCP
}

// Pod is what policies can say about a pod. A pod whose phase is Succeeded or Failed is
// not in a Snapshot: its IP belongs to somebody else.
type Pod struct {
	UID         string
	Namespace   string
	Name        string
	Labels      map[string]string
	Node        string       // spec.nodeName; empty while unscheduled
	IPs         []netip.Addr // status.podIPs, unmapped; empty until the network is up
	HostNetwork bool         // its IPs are the node's, and policies do not see it
	Ports       []Port       // of containers and of restartable init containers
}

// Key is namespace/name.
func (p Pod) Key() string { return p.Namespace + "/" + p.Name }

// Snapshot is the whole state that decides verdicts, at one instant. Policies are the API
// objects themselves, as the API server defaulted them or as a user wrote them.
type Snapshot struct {
	Namespaces []Namespace
	Nodes      []Node
	Pods       []Pod
	Policies   []*netv1.NetworkPolicy
}

// Sort orders every list by name, so that equal states are equal values whatever order
// the events that built them came in.
func (s *Snapshot) Sort() {
	slices.SortFunc(s.Namespaces, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Pods, func(a, b Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	slices.SortFunc(s.Policies, func(a, b *netv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
