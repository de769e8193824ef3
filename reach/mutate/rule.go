package mutate

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/suites/oracle"
)

// site is a rule, and how to reach it in a copy of its policy.
type site struct {
	field, list string // "spec.ingress[0]", "from"
	rule        oracle.Rule
	peers       func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPeer
	ports       func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPort
}

// rules makes the mistakes of a direction's rules.
func (m *maker) rules(p *netv1.NetworkPolicy, d netv1.PolicyType) {
	if !slices.Contains(oracle.PolicyTypes(&p.Spec), d) {
		return
	}
	for i, r := range oracle.Rules(&p.Spec, d) {
		s := siteOf(r, d, i)
		m.add(RuleDropped, s.field, "the rule is missing", func(p *netv1.NetworkPolicy) { dropRule(p, d, i) })
		m.peers(s)
		m.ports(s)
	}
}

func siteOf(r oracle.Rule, d netv1.PolicyType, i int) site {
	if d == netv1.PolicyTypeEgress {
		return site{
			fmt.Sprintf("spec.egress[%d]", i), "to", r,
			func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPeer { return &p.Spec.Egress[i].To },
			func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPort { return &p.Spec.Egress[i].Ports },
		}
	}
	return site{
		fmt.Sprintf("spec.ingress[%d]", i), "from", r,
		func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPeer { return &p.Spec.Ingress[i].From },
		func(p *netv1.NetworkPolicy) *[]netv1.NetworkPolicyPort { return &p.Spec.Ingress[i].Ports },
	}
}

// dropRule keeps the directions that the policy is about: without policyTypes they hang on its rules.
func dropRule(p *netv1.NetworkPolicy, d netv1.PolicyType, i int) {
	p.Spec.PolicyTypes = oracle.PolicyTypes(&p.Spec)
	if d == netv1.PolicyTypeEgress {
		p.Spec.Egress = slices.Delete(p.Spec.Egress, i, i+1)
		return
	}
	p.Spec.Ingress = slices.Delete(p.Spec.Ingress, i, i+1)
}

// peers makes the mistakes of a rule's peers.
func (m *maker) peers(s site) {
	if len(s.rule.Peers) > 0 {
		m.add(PeersDropped, s.field, "without "+s.list+", so that it means everybody", func(p *netv1.NetworkPolicy) { *s.peers(p) = nil })
	}
	for i := range s.rule.Peers {
		field := fmt.Sprintf("%s.%s[%d]", s.field, s.list, i)
		if len(s.rule.Peers) > 1 {
			m.add(PeerDropped, field, "the peer is missing", func(p *netv1.NetworkPolicy) {
				list := s.peers(p)
				*list = slices.Delete(*list, i, i+1)
			})
		}
		m.peer(field, &s.rule.Peers[i], func(p *netv1.NetworkPolicy) *netv1.NetworkPolicyPeer { return &(*s.peers(p))[i] })
		m.andOr(s, field, i)
	}
}

// peer makes the mistakes of one peer.
func (m *maker) peer(field string, peer *netv1.NetworkPolicyPeer, find func(p *netv1.NetworkPolicy) *netv1.NetworkPolicyPeer) {
	if peer.IPBlock != nil {
		m.block(field+".ipBlock", peer.IPBlock, func(p *netv1.NetworkPolicy) *netv1.IPBlock { return find(p).IPBlock })
		return
	}
	if peer.PodSelector != nil {
		m.widen(field+".podSelector", peer.PodSelector, func(p *netv1.NetworkPolicy) *metav1.LabelSelector { return find(p).PodSelector })
	}
	if peer.NamespaceSelector != nil {
		m.widen(field+".namespaceSelector", peer.NamespaceSelector, func(p *netv1.NetworkPolicy) *metav1.LabelSelector { return find(p).NamespaceSelector })
	}
	if peer.PodSelector != nil && peer.NamespaceSelector != nil {
		m.add(NamespaceDropped, field, "without namespaceSelector, so that it means pods of its own namespace", func(p *netv1.NetworkPolicy) { find(p).NamespaceSelector = nil })
		m.add(PodSelectorDropped, field, "without podSelector, so that it means all pods of the namespaces", func(p *netv1.NetworkPolicy) { find(p).PodSelector = nil })
	}
}

// andOr makes two peers of one with both selectors, and one of two neighbours that have one each.
func (m *maker) andOr(s site, field string, i int) {
	peer := s.rule.Peers[i]
	if peer.PodSelector != nil && peer.NamespaceSelector != nil {
		m.add(AndOr, field, "its selectors are two peers", func(p *netv1.NetworkPolicy) {
			list := s.peers(p)
			both := (*list)[i]
			*list = slices.Replace(*list, i, i+1, netv1.NetworkPolicyPeer{NamespaceSelector: both.NamespaceSelector}, netv1.NetworkPolicyPeer{PodSelector: both.PodSelector})
		})
		return
	}
	if i+1 == len(s.rule.Peers) {
		return
	}
	next := s.rule.Peers[i+1]
	joined := netv1.NetworkPolicyPeer{NamespaceSelector: peer.NamespaceSelector, PodSelector: next.PodSelector}
	if joined.NamespaceSelector == nil {
		joined = netv1.NetworkPolicyPeer{NamespaceSelector: next.NamespaceSelector, PodSelector: peer.PodSelector}
	}
	alone := peer.IPBlock == nil && next.IPBlock == nil && (next.PodSelector == nil || next.NamespaceSelector == nil)
	if alone && joined.NamespaceSelector != nil && joined.PodSelector != nil {
		m.add(AndOr, field, "it and the next are one peer", func(p *netv1.NetworkPolicy) {
			list := s.peers(p)
			*list = slices.Replace(*list, i, i+2, *joined.DeepCopy())
		})
	}
}

// block makes the mistakes of an ipBlock.
func (m *maker) block(field string, b *netv1.IPBlock, find func(p *netv1.NetworkPolicy) *netv1.IPBlock) {
	for i, e := range b.Except {
		m.add(ExceptDropped, field, "without except "+e, func(p *netv1.NetworkPolicy) {
			one := find(p)
			one.Except = slices.Delete(one.Except, i, i+1)
		})
	}
	if cidr, err := netip.ParsePrefix(b.CIDR); err == nil && cidr.Bits() > 0 {
		wider := netip.PrefixFrom(cidr.Addr(), cidr.Bits()-1).Masked().String()
		m.add(BlockWidened, field, wider+" instead of "+b.CIDR, func(p *netv1.NetworkPolicy) { find(p).CIDR = wider })
	}
}

// ports makes the mistakes of a rule's ports.
func (m *maker) ports(s site) {
	for i := range s.rule.Ports {
		field := fmt.Sprintf("%s.ports[%d]", s.field, i)
		detail := "the port is missing"
		if len(s.rule.Ports) == 1 {
			detail = "without ports, so that it means all of them"
		}
		m.add(PortDropped, field, detail, func(p *netv1.NetworkPolicy) {
			list := s.ports(p)
			*list = slices.Delete(*list, i, i+1)
		})
		m.port(field, &s.rule.Ports[i], func(p *netv1.NetworkPolicy) *netv1.NetworkPolicyPort { return &(*s.ports(p))[i] })
	}
}

// port makes the mistakes of one port.
func (m *maker) port(field string, port *netv1.NetworkPolicyPort, find func(p *netv1.NetworkPolicy) *netv1.NetworkPolicyPort) {
	protocol := corev1.ProtocolUDP
	if port.Protocol != nil && *port.Protocol == corev1.ProtocolUDP {
		protocol = corev1.ProtocolTCP
	}
	m.add(ProtocolSwapped, field, string(protocol)+" instead of the protocol that it has", func(p *netv1.NetworkPolicy) { find(p).Protocol = &protocol })
	if port.Port == nil || port.Port.Type == intstr.String {
		return
	}
	first, last := port.Port.IntVal, port.Port.IntVal
	if port.EndPort != nil {
		last = *port.EndPort
	}
	number := func(n, end int32) {
		if n < 1 || end > 65535 || n > end {
			return
		}
		text := fmt.Sprint(n)
		if port.EndPort != nil {
			text = fmt.Sprintf("%d to %d", n, end)
		}
		m.add(PortOffByOne, field, text, func(p *netv1.NetworkPolicy) {
			one := find(p)
			one.Port = new(intstr.FromInt32(n))
			if one.EndPort != nil {
				one.EndPort = &end
			}
		})
	}
	if port.EndPort == nil {
		number(first-1, first-1)
		number(first+1, first+1)
		return
	}
	number(first-1, last)
	number(first+1, last)
	number(first, last-1)
	number(first, last+1)
}
