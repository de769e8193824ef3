package matrix

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// side is what pods of several classes have in common in one direction: the policies that are
// about them. It knows what these can see of a peer, so that equal peers are asked about once.
type side struct {
	direction netv1.PolicyType
	policies  []*netv1.NetworkPolicy

	namespace  string // of the policies
	pods       values // of labels that peers' selectors name
	spaces     values
	podKeys    []string
	spaceKeys  []string
	blocks     *prefixes
	portNames  []string
	ports      []netv1.NetworkPolicyPort
	seen       map[seenKey]string  // what the policies see of a class
	halves     map[[2]string]*half // by that, and by what names of ports mean at the server
	restricted bool                // it has policies at all
}

// values are those that selectors name, by the label's key: all that they can tell apart.
type values map[string]map[string]bool

func (v values) add(s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	add := func(key string, named ...string) {
		if v[key] == nil {
			v[key] = map[string]bool{}
		}
		for _, value := range named {
			v[key][value] = true
		}
	}
	for key, value := range s.MatchLabels {
		add(key, value)
	}
	for _, r := range s.MatchExpressions {
		add(r.Key, r.Values...)
	}
}

// of is what the selectors can tell of labels: which keys there are, and values that are named.
func (v values) of(b *strings.Builder, keys []string, labels map[string]string) {
	for _, key := range keys {
		switch value, has := labels[key]; {
		case !has:
			b.WriteString(",-")
		case v[key][value]:
			fmt.Fprintf(b, ",%q", value)
		default:
			b.WriteString(",+")
		}
	}
}

// sideID is a direction, and the policies by namespace and their place in it.
type sideID struct {
	direction netv1.PolicyType
	policies  string
}

type seenKey struct {
	class  int
	family model.Family
}

// sideOf is the side of a class of pods in a direction: the policies that change anything of what
// the oracle says of some flow of it.
func (m *Matrix) sideOf(class int, direction netv1.PolicyType) *side {
	if s := m.ends[class][direction]; s != nil {
		return s
	}
	subject := m.Classes[class].pods[0]
	var about []*netv1.NetworkPolicy
	id := subject.Namespace
	bare := m.isolation(subject, direction, nil)
	for i, p := range m.byNS[subject.Namespace] {
		if m.isolation(subject, direction, []*netv1.NetworkPolicy{p}) != bare {
			about = append(about, p)
			id += fmt.Sprintf(" %d", i)
		}
	}
	if len(about) == 0 {
		id = "" // of all namespaces
	}
	s := m.sides[sideID{direction, id}]
	if s == nil {
		s = newSide(subject.Namespace, direction, about)
		m.sides[sideID{direction, id}] = s
	}
	if m.ends[class] == nil {
		m.ends[class] = map[netv1.PolicyType]*side{}
	}
	m.ends[class][direction] = s
	return s
}

// isolation is what the oracle says of a flow between the subject and nobody known.
func (m *Matrix) isolation(subject *model.Pod, direction netv1.PolicyType, policies []*netv1.NetworkPolicy) oracle.Decision {
	f := Flow{Protocol: "TCP", Port: 1}
	pod := end{pod: subject, addr: subject.IPs[0]}
	nobody := end{addr: netip.MustParseAddr("192.0.2.1")}
	if pod.addr.Is6() {
		nobody.addr = netip.MustParseAddr("2001:db8::1")
	}
	if direction == netv1.PolicyTypeEgress {
		d, _ := m.ask(pod, nobody, f, policies)
		return d
	}
	_, d := m.ask(nobody, pod, f, policies)
	return d
}

func newSide(namespace string, direction netv1.PolicyType, policies []*netv1.NetworkPolicy) *side {
	s := &side{direction: direction, policies: policies, namespace: namespace, seen: map[seenKey]string{}, halves: map[[2]string]*half{}, restricted: len(policies) > 0}
	s.pods, s.spaces = values{}, values{}
	names := map[string]bool{}
	var peers []*netv1.NetworkPolicyPeer
	for _, p := range policies {
		for _, r := range oracle.Rules(&p.Spec, direction) {
			for i := range r.Peers {
				peers = append(peers, &r.Peers[i])
				s.pods.add(r.Peers[i].PodSelector)
				s.spaces.add(r.Peers[i].NamespaceSelector)
			}
			for _, port := range r.Ports {
				s.ports = append(s.ports, port)
				if port.Port != nil && port.Port.Type == intstr.String {
					names[port.Port.StrVal] = true
				}
			}
		}
	}
	s.podKeys, s.spaceKeys = slices.Sorted(maps.Keys(s.pods)), slices.Sorted(maps.Keys(s.spaces))
	s.portNames, s.blocks = slices.Sorted(maps.Keys(names)), newPrefixes(Blocks(peers))
	return s
}

// sees is all that the side's policies can tell of a peer.
func (s *side) sees(m *Matrix, class int, peer end, f model.Family) string {
	if !s.restricted {
		return ""
	}
	key := seenKey{class, f}
	text, ok := s.seen[key]
	if !ok || peer.own != "" {
		text = s.look(m, peer)
		s.seen[key] = text
	}
	return text
}

func (s *side) look(m *Matrix, peer end) string {
	var b strings.Builder
	b.WriteString(s.blocks.narrowest(peer.addr).String())
	if peer.own != "" {
		b.WriteString(" own")
	}
	if peer.pod == nil {
		return b.String()
	}
	ns, known := m.namespaces[peer.pod.Namespace]
	fmt.Fprintf(&b, " pod %t %t", peer.pod.Namespace == s.namespace, known)
	s.pods.of(&b, s.podKeys, peer.pod.Labels)
	b.WriteByte(';')
	s.spaces.of(&b, s.spaceKeys, ns.Labels)
	return b.String()
}

// named is what the port names of the side's policies mean at a server.
func (s *side) named(server *model.Pod) string {
	if server == nil || len(s.portNames) == 0 {
		return ""
	}
	var numbers []string
	for _, p := range server.Ports {
		if slices.Contains(s.portNames, p.Name) {
			numbers = append(numbers, fmt.Sprintf("%s=%d/%s", p.Name, p.Number, p.Protocol))
		}
	}
	slices.Sort(numbers)
	return strings.Join(numbers, ",")
}

// declared are the ports that a server gives a name to.
func declared(server *model.Pod, name string) (numbers []int32) {
	for _, d := range server.Ports {
		if d.Name == name {
			numbers = append(numbers, int32(d.Number))
		}
	}
	return numbers
}

// edges are the ports of a protocol at which a verdict of this side may change: 1, and where a port or range of
// a rule begins and has ended.
func (s *side) edges(protocol corev1.Protocol, server *model.Pod) []uint16 {
	out := []uint16{1}
	add := func(first, last int32) {
		for _, n := range []int32{first, last + 1} {
			if 1 <= n && n <= 65535 {
				out = append(out, uint16(n))
			}
		}
	}
	for _, p := range s.ports {
		switch {
		case p.Port == nil || protocol != corev1.ProtocolTCP && (p.Protocol == nil || *p.Protocol != protocol):
		case p.Port.Type == intstr.Int:
			last := p.Port.IntVal
			if p.EndPort != nil {
				last = *p.EndPort
			}
			add(p.Port.IntVal, last)
		case server != nil:
			for _, n := range declared(server, p.Port.StrVal) {
				add(n, n)
			}
		}
	}
	slices.SortFunc(out, func(a, b uint16) int { return cmp.Compare(a, b) })
	return slices.Compact(out)
}
