package matrix

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// Options say what a matrix must tell apart besides what its own policies do.
type Options struct {
	// Also are the policies of another state that it will be compared with.
	Also []*netv1.NetworkPolicy
}

// Matrix is who can talk to whom. It is not safe for use by two goroutines: it remembers what it
// was asked.
type Matrix struct {
	Classes  []Class
	Families []model.Family // that pods have

	namespaces map[string]model.Namespace
	nodes      map[string]model.Node
	byNS       map[string][]*netv1.NetworkPolicy
	sides      map[sideID]*side
	ends       []map[netv1.PolicyType]*side // by class
	combined   map[[2]*half]Flows
	asked      int

	world  *world
	byPod  map[int]int        // class by index of pod
	byAddr map[netip.Addr]int // class by address of pod
	byKey  map[string]int
	byName map[string]int  // class by namespace/name of a pod
	onHost map[string]bool // by namespace/name of a pod
}

// Of makes the classes; flows are computed when they are asked for.
func Of(v *inventory.Inventory, o Options) *Matrix {
	w := newWorld(v, o)
	m := &Matrix{
		Families:   w.families,
		Classes:    slices.Concat(podClasses(v, w, o), nodeClasses(v, w), worldClasses(w)),
		namespaces: map[string]model.Namespace{}, nodes: map[string]model.Node{},
		byNS: map[string][]*netv1.NetworkPolicy{}, sides: map[sideID]*side{}, combined: map[[2]*half]Flows{},
	}
	for _, n := range v.Namespaces {
		m.namespaces[n.Name] = n
	}
	for _, n := range v.Nodes {
		m.nodes[n.Name] = n
	}
	for _, p := range v.Policies {
		m.byNS[p.Namespace] = append(m.byNS[p.Namespace], p)
	}
	m.index(v, w)
	m.ends = make([]map[netv1.PolicyType]*side, len(m.Classes))
	return m
}

// index prepares to find classes.
func (m *Matrix) index(v *inventory.Inventory, w *world) {
	m.world, m.byPod, m.byAddr, m.byKey = w, map[int]int{}, map[netip.Addr]int{}, map[string]int{}
	m.byName, m.onHost = map[string]int{}, map[string]bool{}
	for i := range v.Pods {
		m.onHost[v.Pods[i].Key()] = v.Pods[i].HostNetwork
	}
	for i := range m.Classes {
		m.byKey[m.Classes[i].Key] = i
		for _, p := range m.Classes[i].Members {
			m.byPod[p] = i
			m.byName[v.Pods[p].Key()] = i
			for _, a := range v.Pods[p].IPs {
				m.byAddr[a] = i
			}
		}
	}
}

// ByKey finds a class by its key.
func (m *Matrix) ByKey(key string) (class int, ok bool) {
	class, ok = m.byKey[key]
	return class, ok
}

// ByPod finds the class of a pod by its index in the inventory. Pods on the host network, and those
// without an address, have none.
func (m *Matrix) ByPod(i int) (class int, ok bool) {
	class, ok = m.byPod[i]
	return class, ok
}

// ByAddr finds the class that an address is of. That of a node is its own node's for a pod there,
// which only who asks can know.
func (m *Matrix) ByAddr(a netip.Addr) (class int, ok bool) {
	a = a.Unmap()
	if class, ok = m.byAddr[a]; ok {
		return class, true
	}
	if class, ok = m.byKey["world "+m.world.all.narrowest(a).String()]; ok && !m.world.taken[a] {
		return class, true
	}
	for i := range m.Classes {
		if m.Classes[i].Kind == Nodes && m.Classes[i].nodeAddrs[a] {
			return i, true
		}
	}
	return 0, false
}

// Asked is how many questions the oracle was asked so far.
func (m *Matrix) Asked() int { return m.asked }

// Flow is one flow that stands for all between two classes.
type Flow struct {
	From, To int // indexes into Classes
	Family   model.Family
	Protocol corev1.Protocol
	Port     uint16
}

// end is one end of a flow: a pod, or an address that is none's.
type end struct {
	pod  *model.Pod
	addr netip.Addr
	own  string // the node that the address is of, when it is that of the pod at the other end
}

// endsOf are a client and a server of two classes; ok is false when they have no family in common,
// or would be one pod: what it says to itself is left open.
func (m *Matrix) endsOf(from, to int, f model.Family) (client, server end, ok bool) {
	a, b := &m.Classes[from], &m.Classes[to]
	if a.Kind != Pods && b.Kind != Pods {
		return end{}, end{}, false
	}
	client, server = m.end(a, b, 0, f), m.end(b, a, 0, f)
	if from == to {
		if len(a.pods) < 2 {
			return end{}, end{}, false
		}
		server = m.end(b, a, 1, f)
	}
	return client, server, client.addr.IsValid() && server.addr.IsValid()
}

func (m *Matrix) end(c, other *Class, i int, f model.Family) end {
	switch c.Kind {
	case Pods:
		return end{pod: c.pods[i], addr: f.First(c.pods[i].IPs)}
	case OwnNode:
		if len(other.pods) == 0 {
			return end{}
		}
		n := m.nodes[other.pods[0].Node]
		return end{addr: f.First(n.IPs), own: n.Name}
	default:
		return end{addr: f.First(c.addrs)}
	}
}

// Policies are those of some namespaces, each once.
func (m *Matrix) Policies(namespaces ...string) []*netv1.NetworkPolicy {
	var out []*netv1.NetworkPolicy
	for i, ns := range namespaces {
		if !slices.Contains(namespaces[:i], ns) {
			out = append(out, m.byNS[ns]...)
		}
	}
	return out
}

// Ask is what the oracle says of the two sides of a flow. ok is false when there is no such flow.
func (m *Matrix) Ask(f Flow) (egress, ingress oracle.Decision, ok bool) {
	return m.AskOf(f, m.Policies(m.Classes[f.From].Pod.Namespace, m.Classes[f.To].Pod.Namespace))
}

// AskOf is Ask in a state that has these policies alone.
func (m *Matrix) AskOf(f Flow, policies []*netv1.NetworkPolicy) (egress, ingress oracle.Decision, ok bool) {
	client, server, ok := m.endsOf(f.From, f.To, f.Family)
	if !ok {
		return oracle.Decision{}, oracle.Decision{}, false
	}
	egress, ingress = m.ask(client, server, f, policies)
	return egress, ingress, true
}

// Names are the ends of a flow as expectations call them: "shop/web-0", "world:203.0.113.7". ok is
// false when there is no such flow, or an end is a node.
func (m *Matrix) Names(f Flow) (client, server string, ok bool) {
	a, b, ok := m.endsOf(f.From, f.To, f.Family)
	client, server = a.name(m.Classes[f.From].Kind), b.name(m.Classes[f.To].Kind)
	return client, server, ok && client != "" && server != ""
}

func (e end) name(k Kind) string {
	switch k {
	case Pods:
		if e.pod == nil {
			return ""
		}
		return e.pod.Key()
	case World:
		return "world:" + e.addr.String()
	case OwnNode, Nodes:
	}
	return ""
}

// ask asks the oracle in a state that has these two ends and policies, and nothing else.
func (m *Matrix) ask(client, server end, f Flow, policies []*netv1.NetworkPolicy) (egress, ingress oracle.Decision) {
	s := model.Snapshot{Policies: policies}
	for _, e := range []end{client, server} {
		if e.pod != nil {
			s.Pods = append(s.Pods, *e.pod)
			if n, ok := m.namespaces[e.pod.Namespace]; ok {
				s.Namespaces = append(s.Namespaces, n)
			}
		}
		if e.own != "" {
			s.Nodes = append(s.Nodes, model.Node{Name: e.own, IPs: []netip.Addr{e.addr}})
		}
	}
	m.asked++
	return oracle.Ends(s, model.Flow{Client: client.addr, Server: server.addr, Protocol: f.Protocol, Port: f.Port})
}
