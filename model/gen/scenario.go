package gen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Scenario is a state of a cluster and flows to judge in it.
type Scenario struct {
	Seed     uint64
	Snapshot model.Snapshot
	Flows    []model.Flow
}

// nodes is how many nodes every scenario has.
const nodes = 3

// New draws the scenario of a seed, with that many flows.
func New(seed uint64, flows int) Scenario {
	g := newGenerator(rand.NewPCG(seed, 0x6e65746173736179), seed%8 == 7)
	g.stack = stack{v4: seed%4 != 1, v6: seed%4 != 2}
	s := Scenario{Seed: seed, Snapshot: g.snapshot()}
	for range flows {
		s.Flows = append(s.Flows, g.flow(&s.Snapshot))
	}
	return s
}

// Edit draws a change of a snapshot: a policy added, replaced or deleted, a pod added,
// deleted, relabelled or replaced by another with its address, a namespace relabelled.
// The given snapshot stays as it is.
func Edit(s model.Snapshot, seed uint64) model.Snapshot {
	g := newGenerator(rand.NewPCG(seed, 0x65646974), false)
	g.stack = stack{v4: true, v6: true}
	return g.edit(s)
}

// stack is the families that pods may have addresses of.
type stack struct{ v4, v6 bool }

type generator struct {
	Grammar
	stack stack
	pods  int // made so far, for names and addresses
}

// newGenerator draws from src; with invalid, some pieces are such that no API server would
// take them.
func newGenerator(src rand.Source, invalid bool) *generator {
	g := &generator{Grammar: Grammar{Rand: rand.New(src), invalid: invalid, Words: Words{
		PodLabels: []Label{absent, app, app, tier, tier}, NamespaceLabels: []Label{absent, metadataName, metadataName, team, team},
		PortNames: []string{"web", "dns", "peer", "nobody"}, Ports: portNumbers[:],
	}}}
	g.Block = g.block
	return g
}

// The labels that selectors are about; nothing has the one that is called absent.
var (
	absent       = Label{"absent", []string{"x", "y"}}
	app          = Label{"app", []string{"a", "b", "c", "d"}}
	tier         = Label{"tier", []string{"front", "back", ""}}
	team         = Label{"team", []string{"red", "blue", "green"}}
	metadataName = Label{"kubernetes.io/metadata.name", []string{"x", "y", "z"}}
)

func (g *generator) snapshot() model.Snapshot {
	var s model.Snapshot
	for i := 1; i <= nodes; i++ {
		s.Nodes = append(s.Nodes, g.node(i))
	}
	for _, name := range []string{"x", "y", "z"} {
		s.Namespaces = append(s.Namespaces, g.namespace(name))
	}
	for range 4 + g.IntN(7) {
		s.Pods = append(s.Pods, g.pod())
	}
	for i := range 1 + g.IntN(4) {
		s.Policies = append(s.Policies, g.Policy(Pick(g, "x", "x", "y", "z"), fmt.Sprintf("p%d", i)))
	}
	g.Shuffle(len(s.Pods), func(i, j int) { s.Pods[i], s.Pods[j] = s.Pods[j], s.Pods[i] })
	return s
}

func (g *generator) node(i int) model.Node {
	n := model.Node{Name: fmt.Sprintf("n%d", i)}
	if g.stack.v4 {
		n.IPs = append(n.IPs, netip.AddrFrom4([4]byte{192, 168, 0, byte(i)}))
	}
	if g.stack.v6 {
		n.IPs = append(n.IPs, netip.AddrFrom16([16]byte{0: 0xfd, 3: 1, 15: byte(i)}))
	}
	return n
}

func (g *generator) namespace(name string) model.Namespace {
	ns := model.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name, "ns": name}}
	if g.Chance(60) {
		ns.Labels["team"] = Pick(g, "red", "blue")
	}
	return ns
}

func (g *generator) pod() model.Pod {
	g.pods++
	node := 1 + g.IntN(nodes)
	p := model.Pod{
		UID:       fmt.Sprintf("uid-%d", g.pods),
		Namespace: Pick(g, "x", "x", "y", "z"),
		Name:      fmt.Sprintf("pod%d", g.pods),
		Labels:    g.podLabels(),
		Node:      fmt.Sprintf("n%d", node),
		Ports:     g.podPorts(),
	}
	switch {
	case g.Chance(8):
		p.HostNetwork = true
		p.IPs = g.node(node).IPs
	case g.Chance(5): // pending: no address yet
	default:
		p.IPs = g.podIPs(node, g.pods)
	}
	return p
}

// podIPs gives an address per family of the cluster; in a dual-stack cluster a few pods
// have only one.
func (g *generator) podIPs(node, n int) []netip.Addr {
	v4 := netip.AddrFrom4([4]byte{10, 0, byte(node), byte(n)})
	v6 := netip.AddrFrom16([16]byte{0: 0xfd, 3: 0x10, 5: byte(node), 15: byte(n)})
	both := g.stack.v4 && g.stack.v6
	switch {
	case !g.stack.v6, both && g.Chance(5):
		return []netip.Addr{v4}
	case !g.stack.v4, both && g.Chance(5):
		return []netip.Addr{v6}
	}
	return []netip.Addr{v4, v6}
}

func (g *generator) podLabels() map[string]string {
	labels := map[string]string{}
	if g.Chance(75) {
		labels["app"] = Pick(g, "a", "b", "c")
	}
	if g.Chance(50) {
		labels["tier"] = Pick(g, "front", "back", "")
	}
	return labels
}

// podPorts names ports with different numbers and protocols from pod to pod. A name is not
// used twice with one protocol in a pod: what that would mean is not specified.
func (g *generator) podPorts() []model.Port {
	var ports []model.Port
	for _, name := range []string{"web", "dns", "peer"} {
		for _, protocol := range protocols {
			if g.Chance(35) {
				ports = append(ports, model.Port{Name: name, Protocol: protocol, Number: g.port()})
			}
		}
	}
	if g.Chance(30) {
		ports = append(ports, model.Port{Number: g.port(), Protocol: corev1.ProtocolTCP})
	}
	return ports
}

var protocols = [...]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

// portNumbers are few, so that rules, named ports and flows meet.
var portNumbers = [...]uint16{1, 53, 79, 80, 81, 443, 8080, 8081, 65535}

func (g *generator) port() uint16 { return portNumbers[g.IntN(len(portNumbers))] }

func (g *generator) edit(s model.Snapshot) model.Snapshot {
	out := model.Snapshot{
		Namespaces: append([]model.Namespace(nil), s.Namespaces...),
		Nodes:      s.Nodes,
		Pods:       append([]model.Pod(nil), s.Pods...),
		Policies:   append([]*netv1.NetworkPolicy(nil), s.Policies...),
	}
	g.pods = 100 + g.IntN(150) // names and addresses that New does not use
	switch n := g.IntN(10); {
	case n < 2 || len(out.Policies) == 0:
		out.Policies = append(out.Policies, g.Policy(Pick(g, "x", "y", "z"), fmt.Sprintf("q%d", g.pods)))
	case n < 5:
		i := g.IntN(len(out.Policies))
		out.Policies[i] = g.Policy(out.Policies[i].Namespace, out.Policies[i].Name)
	case n < 6:
		i := g.IntN(len(out.Policies))
		out.Policies = append(out.Policies[:i], out.Policies[i+1:]...)
	case n < 7:
		i := g.IntN(len(out.Namespaces))
		out.Namespaces[i] = g.namespace(out.Namespaces[i].Name)
	case n < 8 || len(out.Pods) == 0:
		out.Pods = append(out.Pods, g.pod())
	default:
		g.editPod(&out)
	}
	return out
}

func (g *generator) editPod(s *model.Snapshot) {
	i := g.IntN(len(s.Pods))
	old := s.Pods[i]
	switch g.IntN(3) {
	case 0:
		s.Pods[i].Labels = g.podLabels()
	case 1:
		s.Pods = append(s.Pods[:i], s.Pods[i+1:]...)
	default: // another pod gets the address
		s.Pods[i] = g.pod()
		s.Pods[i].Node, s.Pods[i].IPs, s.Pods[i].HostNetwork = old.Node, old.IPs, old.HostNetwork
	}
}
