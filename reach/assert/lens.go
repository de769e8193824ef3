package assert

import (
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// lens cuts a state down to what decides flows between two ends: these two, their namespaces, the
// nodes that they are on, and the policies of their namespaces. The oracle says the same of it as
// of the whole, in a fraction of the time.
type lens struct {
	namespaces map[string]model.Namespace
	nodes      map[string]model.Node
	policies   map[string][]*netv1.NetworkPolicy // by namespace
}

func newLens(inv *inventory.Inventory) *lens {
	l := &lens{map[string]model.Namespace{}, map[string]model.Node{}, byNamespace(inv.Policies)}
	for _, n := range inv.Namespaces {
		l.namespaces[n.Name] = n
	}
	for _, n := range inv.Nodes {
		l.nodes[n.Name] = n
	}
	return l
}

func byNamespace(policies []*netv1.NetworkPolicy) map[string][]*netv1.NetworkPolicy {
	out := map[string][]*netv1.NetworkPolicy{}
	for _, p := range policies {
		out[p.Namespace] = append(out[p.Namespace], p)
	}
	return out
}

// with is a lens on the same state with other policies.
func (l *lens) with(policies []*netv1.NetworkPolicy) *lens {
	return &lens{l.namespaces, l.nodes, byNamespace(policies)}
}

// on is the state of two ends.
func (l *lens) on(a, b endpoint) model.Snapshot {
	var s model.Snapshot
	for i, e := range []endpoint{a, b} {
		if e.pod == nil || i == 1 && a.key == b.key {
			continue
		}
		s.Pods = append(s.Pods, *e.pod)
		if n, ok := l.nodes[e.pod.Node]; ok {
			s.Nodes = append(s.Nodes, n)
		}
		if len(s.Pods) == 2 && a.pod.Namespace == b.pod.Namespace {
			break
		}
		if n, ok := l.namespaces[e.pod.Namespace]; ok {
			s.Namespaces = append(s.Namespaces, n)
		}
		s.Policies = append(s.Policies, l.policies[e.pod.Namespace]...)
	}
	return s
}

// ports are those at which the policies that decide between two ends tell flows apart.
func (l *lens) ports(a, b endpoint) []Port {
	var all []*netv1.NetworkPolicy
	for _, e := range []endpoint{a, b} {
		if e.pod != nil {
			all = append(all, l.policies[e.pod.Namespace]...)
		}
	}
	return PolicyPorts(all)
}
