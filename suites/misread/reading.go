package misread

import (
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Direction is that of a rule.
type Direction = netv1.PolicyType

// Role is what a selector selects.
type Role string

// The roles of selectors.
const (
	Subject   Role = "subject"
	PeerPod   Role = "pod"
	Namespace Role = "namespace"
)

// side is a flow as seen from one of its ends, and the policies of the cluster.
type side struct {
	direction     Direction
	subject, peer *model.Pod // nil: not a pod
	server        *model.Pod // whose named ports count
	client        *model.Pod
	addr          netip.Addr // the peer's
	flow          model.Flow
	state         *model.Snapshot
}

// Reading is one way to read the specification. Every step is a function that a wrong reading
// replaces; each is given the right one's result, or what it needs to ask for it.
type Reading struct {
	Name    string // unique, such as "ingress pod selector: NotIn takes its first value only"
	selects func(r Role, d Direction, s *metav1.LabelSelector, labels map[string]string) bool
	block   func(d Direction, b *netv1.IPBlock, addr netip.Addr) bool
	port    func(p *netv1.NetworkPolicyPort, s side) bool
	peer    func(p *netv1.NetworkPolicyPeer, namespace string, s side) bool
	peers   func(peers []netv1.NetworkPolicyPeer, namespace string, s side) bool
	ports   func(ports []netv1.NetworkPolicyPort, s side) bool
	rule    func(peer, port bool, r oracle.Rule, d Direction) bool
	rules   func(matching []bool, d Direction) bool
	types   func(spec *netv1.NetworkPolicySpec) []Direction
	applies func(p *netv1.NetworkPolicy, s side) bool
	unite   func(allowing []bool, d Direction) bool // of the policies that isolate, at least one
	exempt  func(s side) bool                       // before any policy is asked
	sees    func(s side) side                       // which pods are at the two ends
}

// Right reads the specification as it is meant.
func Right() *Reading {
	r := &Reading{Name: "right"}
	r.selects = func(_ Role, _ Direction, s *metav1.LabelSelector, labels map[string]string) bool {
		return matchesAll(requirements(s), labels)
	}
	r.block = func(_ Direction, b *netv1.IPBlock, addr netip.Addr) bool {
		return contains(b.CIDR, addr) && !slices.ContainsFunc(b.Except, func(e string) bool { return contains(e, addr) })
	}
	r.port = func(p *netv1.NetworkPolicyPort, s side) bool { return onProtocol(p, s) && onNumber(p, s) }
	r.peer = func(p *netv1.NetworkPolicyPeer, namespace string, s side) bool { return r.matchesPeer(p, namespace, s) }
	r.peers = func(peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
		return len(peers) == 0 || slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool { return r.peer(&p, namespace, s) })
	}
	r.ports = func(ports []netv1.NetworkPolicyPort, s side) bool {
		return len(ports) == 0 || slices.ContainsFunc(ports, func(p netv1.NetworkPolicyPort) bool { return r.port(&p, s) })
	}
	r.rule = func(peer, port bool, _ oracle.Rule, _ Direction) bool { return peer && port }
	r.rules = func(matching []bool, _ Direction) bool { return slices.Contains(matching, true) }
	r.types = oracle.PolicyTypes
	r.applies = func(p *netv1.NetworkPolicy, s side) bool {
		return p.Namespace == s.subject.Namespace && slices.Contains(r.types(&p.Spec), s.direction) &&
			r.selects(Subject, s.direction, &p.Spec.PodSelector, s.subject.Labels)
	}
	r.unite = func(allowing []bool, _ Direction) bool { return slices.Contains(allowing, true) }
	r.sees = func(s side) side { return s }
	r.exempt = func(s side) bool { return s.direction == netv1.PolicyTypeIngress && fromOwnNode(s) }
	return r
}

// ends are a flow as seen from its client, which may be isolated for egress, and from its
// server, which may be for ingress.
func ends(s *model.Snapshot, f model.Flow) (client, server side) {
	from, to := owner(s, f.Client), owner(s, f.Server)
	client = side{
		direction: netv1.PolicyTypeEgress, subject: from, peer: to,
		client: from, server: to, addr: f.Server, flow: f, state: s,
	}
	server = side{
		direction: netv1.PolicyTypeIngress, subject: to, peer: from,
		client: from, server: to, addr: f.Client, flow: f, state: s,
	}
	return client, server
}

// passes reports whether an engine with this reading lets a flow pass at one of its ends.
func (r *Reading) passes(s side) bool {
	s = r.sees(s)
	if s.subject == nil || r.exempt(s) {
		return true
	}
	var allowing []bool
	for _, p := range s.state.Policies {
		if r.applies(p, s) {
			allowing = append(allowing, r.allows(p, s))
		}
	}
	return len(allowing) == 0 || r.unite(allowing, s.direction)
}

// allows reports whether a policy's rules match the flow.
func (r *Reading) allows(p *netv1.NetworkPolicy, s side) bool {
	var matching []bool
	for _, one := range oracle.Rules(&p.Spec, s.direction) {
		matching = append(matching, r.rule(r.peers(one.Peers, p.Namespace, s), r.ports(one.Ports, s), one, s.direction))
	}
	return r.rules(matching, s.direction)
}

func (r *Reading) matchesPeer(p *netv1.NetworkPolicyPeer, namespace string, s side) bool {
	if p.IPBlock != nil {
		return r.block(s.direction, p.IPBlock, s.addr)
	}
	if s.peer == nil {
		return false
	}
	if p.NamespaceSelector == nil {
		if s.peer.Namespace != namespace {
			return false
		}
	} else if !r.selects(Namespace, s.direction, p.NamespaceSelector, labelsOf(s.state, s.peer.Namespace)) {
		return false
	}
	return p.PodSelector == nil || r.selects(PeerPod, s.direction, p.PodSelector, s.peer.Labels)
}

func owner(s *model.Snapshot, addr netip.Addr) *model.Pod {
	for i := range s.Pods {
		if !s.Pods[i].HostNetwork && slices.Contains(s.Pods[i].IPs, addr) {
			return &s.Pods[i]
		}
	}
	return nil
}

// onHost is the pod in the network of the node with this address that came last.
func onHost(s *model.Snapshot, addr netip.Addr) *model.Pod {
	for i := range slices.Backward(s.Pods) {
		if s.Pods[i].HostNetwork && slices.Contains(s.Pods[i].IPs, addr) {
			return &s.Pods[i]
		}
	}
	return nil
}

func labelsOf(s *model.Snapshot, namespace string) map[string]string {
	for i := range s.Namespaces {
		if s.Namespaces[i].Name == namespace {
			return s.Namespaces[i].Labels
		}
	}
	return nil
}

func isNode(s side, own bool) bool {
	return slices.ContainsFunc(s.state.Nodes, func(n model.Node) bool {
		return (n.Name == s.subject.Node || !own) && slices.Contains(n.IPs, s.addr)
	})
}

func fromOwnNode(s side) bool { return isNode(s, true) }

// Verdict is what an engine with this reading does with a flow.
func (r *Reading) Verdict(s *model.Snapshot, f model.Flow) model.Verdict {
	if client, server := ends(s, f); r.passes(client) && r.passes(server) {
		return model.Allow
	}
	return model.Deny
}
