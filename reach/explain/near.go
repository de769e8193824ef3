package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/suites/oracle"
)

// side looks at the policies of the subject's namespace, in one direction: those that select it,
// and those that select nobody.
func (n *near) side(subject *matrix.Class, direction netv1.PolicyType, verdict model.Verdict, families []model.Family) {
	for _, p := range n.v.Policies {
		if p.Namespace != subject.Pod.Namespace || !slices.Contains(oracle.PolicyTypes(&p.Spec), direction) {
			continue
		}
		key := p.Namespace + "/" + p.Name
		if !n.selectsAny(p.Namespace, &p.Spec.PodSelector) {
			n.add(Finding{key, "spec.podSelector", fmt.Sprintf("selects no pod of namespace %s%s", p.Namespace, n.cure(&p.Spec.PodSelector, n.podLabels(p.Namespace)))})
			continue
		}
		if !oracle.Matches(&p.Spec.PodSelector, subject.Pod.Labels) {
			continue
		}
		n.rules(p, direction, verdict, families)
	}
}

// rules looks at those of a policy that selects the subject.
func (n *near) rules(p *netv1.NetworkPolicy, direction netv1.PolicyType, verdict model.Verdict, families []model.Family) {
	key := p.Namespace + "/" + p.Name
	for i, r := range oracle.Rules(&p.Spec, direction) {
		rule, peers := fmt.Sprintf("spec.ingress[%d]", i), "from"
		if direction == netv1.PolicyTypeEgress {
			rule, peers = fmt.Sprintf("spec.egress[%d]", i), "to"
		}
		for j := range r.Peers {
			n.peer(p, fmt.Sprintf("%s.%s[%d]", rule, peers, j), &r.Peers[j])
		}
		if verdict != model.Deny {
			continue
		}
		n.names(key, rule, r.Ports)
		if len(r.Ports) > 0 && n.meets(p, direction, i, families) {
			n.add(Finding{key, rule + ".ports", fmt.Sprintf("the rule is about these two, and not about %s: it has %s", n.port, portTexts(r.Ports))})
		}
	}
}

// selectsAny reports whether a selector selects a pod of a namespace.
func (n *near) selectsAny(namespace string, s *metav1.LabelSelector) bool {
	for i := range n.v.Pods {
		if p := &n.v.Pods[i]; p.Namespace == namespace && oracle.Matches(s, p.Labels) {
			return true
		}
	}
	return false
}

// peer looks at one peer of a rule.
func (n *near) peer(p *netv1.NetworkPolicy, field string, peer *netv1.NetworkPolicyPeer) {
	key := p.Namespace + "/" + p.Name
	if peer.IPBlock != nil {
		n.block(key, field, peer.IPBlock)
		return
	}
	spaces := []string{p.Namespace}
	if peer.NamespaceSelector != nil {
		spaces = nil
		for _, ns := range n.v.Namespaces {
			if oracle.Matches(peer.NamespaceSelector, ns.Labels) {
				spaces = append(spaces, ns.Name)
			}
		}
		if len(spaces) == 0 {
			n.add(Finding{key, field + ".namespaceSelector", "matches no namespace" + n.cure(peer.NamespaceSelector, n.spaceLabels())})
			return
		}
	}
	if peer.PodSelector == nil {
		return
	}
	if !slices.ContainsFunc(spaces, func(ns string) bool { return n.selectsAny(ns, peer.PodSelector) }) {
		where := "of namespace " + strings.Join(spaces[:min(3, len(spaces))], ", ")
		if len(spaces) > 3 {
			where = fmt.Sprintf("of %d namespaces", len(spaces))
		}
		n.add(Finding{key, field + ".podSelector", "matches no pod " + where + n.cure(peer.PodSelector, n.podLabels(spaces...))})
	}
}

// podLabels are the values of labels that pods of some namespaces have, by key.
func (n *near) podLabels(namespaces ...string) map[string][]string {
	out := map[string][]string{}
	for i := range n.v.Pods {
		if p := &n.v.Pods[i]; slices.Contains(namespaces, p.Namespace) {
			gather(out, p.Labels)
		}
	}
	return out
}

func (n *near) spaceLabels() map[string][]string {
	out := map[string][]string{}
	for _, ns := range n.v.Namespaces {
		gather(out, ns.Labels)
	}
	return out
}

func gather(into map[string][]string, labels map[string]string) {
	for k, v := range labels {
		if !slices.Contains(into[k], v) {
			into[k] = append(into[k], v)
		}
	}
}

// cure is what a selector may have meant, by the labels that there are.
func (n *near) cure(s *metav1.LabelSelector, have map[string][]string) string {
	asked := map[string][]string{}
	for k, v := range s.MatchLabels {
		asked[k] = append(asked[k], v)
	}
	for _, r := range s.MatchExpressions {
		if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpExists {
			asked[r.Key] = append(asked[r.Key], r.Values...)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(asked)) {
		values, known := have[k]
		if !known {
			return fmt.Sprintf(": nothing there has a label %s", k) + meant("", k, slices.Sorted(maps.Keys(have)))
		}
		slices.Sort(values)
		for _, v := range asked[k] {
			if !slices.Contains(values, v) {
				return fmt.Sprintf(": nothing there is %s=%s", k, v) + meant(k+"=", v, values)
			}
		}
	}
	return ""
}

// meant is the nearest of what there is, behind a prefix, as the end of a line.
func meant(prefix, text string, there []string) string {
	if near := suggest.Nearest(text, there); len(near) > 0 {
		return fmt.Sprintf("; did you mean %s%s?", prefix, near[0])
	}
	return ""
}

// block looks at an ipBlock that holds addresses of pods or of Services: engines differ on the
// first, and the second are rewritten before most of them look.
func (n *near) block(key, field string, b *netv1.IPBlock) {
	cidr, ok := oracle.ParseCIDR(b.CIDR)
	if !ok || cidr.Bits() == 0 { // everybody
		return
	}
	pods := 0
	for i := range n.v.Pods {
		if slices.ContainsFunc(n.v.Pods[i].IPs, cidr.Contains) {
			pods++
		}
	}
	if pods > 0 {
		n.add(Finding{key, field + ".ipBlock", fmt.Sprintf("%s holds addresses of %d pods, and pods' addresses change: select pods by labels", b.CIDR, pods)})
	}
	for i := range n.v.Services {
		s := &n.v.Services[i]
		if slices.ContainsFunc(s.ClusterIPs, func(a netip.Addr) bool { return cidr.Contains(a) }) {
			n.add(Finding{key, field + ".ipBlock", fmt.Sprintf("%s holds the address of Service %s, which is a pod's by the time most engines look: select the pods behind it", b.CIDR, s.Key())})
			return
		}
	}
}

// names looks for named ports that the server does not declare.
func (n *near) names(key, rule string, ports []netv1.NetworkPolicyPort) {
	server := &n.m.Classes[n.to]
	var names []string
	for _, declared := range server.Pod.Ports {
		names = append(names, declared.Name)
	}
	for i, p := range ports {
		if p.Port == nil || p.Port.Type != intstr.String || server.Kind != matrix.Pods || slices.Contains(names, p.Port.StrVal) {
			continue
		}
		text := fmt.Sprintf("%s declares no port of the name %s", server.Name, p.Port.StrVal)
		if near := suggest.Nearest(p.Port.StrVal, names); len(near) > 0 {
			text += "; did you mean " + near[0] + "?"
		}
		n.add(Finding{key, fmt.Sprintf("%s.ports[%d]", rule, i), text})
	}
}

// lone is a policy with one rule of another, and without the ports of this rule.
func lone(p *netv1.NetworkPolicy, direction netv1.PolicyType, rule int) *netv1.NetworkPolicy {
	out := p.DeepCopy()
	out.Spec.PolicyTypes = []netv1.PolicyType{direction}
	if direction == netv1.PolicyTypeEgress {
		out.Spec.Ingress, out.Spec.Egress = nil, out.Spec.Egress[rule:rule+1]
		out.Spec.Egress[0].Ports = nil
	} else {
		out.Spec.Egress, out.Spec.Ingress = nil, out.Spec.Ingress[rule:rule+1]
		out.Spec.Ingress[0].Ports = nil
	}
	return out
}

// meets reports whether the rule would let the flow pass if it had no ports.
func (n *near) meets(p *netv1.NetworkPolicy, direction netv1.PolicyType, rule int, families []model.Family) bool {
	return slices.ContainsFunc(families, func(f model.Family) bool {
		egress, ingress, ok := n.m.AskOf(n.flow(f), []*netv1.NetworkPolicy{lone(p, direction, rule)})
		if direction == netv1.PolicyTypeIngress {
			egress = ingress
		}
		return ok && egress.Verdict == model.Allow
	})
}

// flow is the one that is explained.
func (n *near) flow(f model.Family) matrix.Flow {
	return matrix.Flow{From: n.from, To: n.to, Family: f, Protocol: n.port.Protocol, Port: n.port.Number}
}

func portTexts(ports []netv1.NetworkPolicyPort) string {
	var out []string
	for _, p := range ports {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case p.Port == nil:
			out = append(out, string(protocol))
		case p.EndPort != nil:
			out = append(out, fmt.Sprintf("%s-%d/%s", p.Port, *p.EndPort, protocol))
		default:
			out = append(out, fmt.Sprintf("%s/%s", p.Port, protocol))
		}
	}
	return strings.Join(out, ", ")
}

// listens says that the server declares ports, and not this one. Declaring is no more than telling:
// a pod can listen on others.
func (n *near) listens(server *matrix.Class) {
	if len(server.Pod.Ports) == 0 || slices.ContainsFunc(server.Pod.Ports, func(p model.Port) bool {
		return p.Number == n.port.Number && p.Protocol == n.port.Protocol
	}) {
		return
	}
	var ports []string
	for _, p := range server.Pod.Ports {
		ports = append(ports, Port{p.Protocol, p.Number}.String())
	}
	n.add(Finding{Text: fmt.Sprintf("%s declares %s, and not %s: does anything listen there?", server.Name, strings.Join(ports, ", "), n.port)})
}

// dns says that a client whose egress is restricted reaches nobody on port 53.
func (n *near) dns() {
	restricted := false
	for to := range n.m.Classes {
		for _, f := range n.m.Families {
			flows := n.m.Flows(n.from, to, f)
			if flows == nil {
				continue
			}
			egress, _, ok := n.m.Ask(matrix.Flow{From: n.from, To: to, Family: f, Protocol: corev1.ProtocolUDP, Port: 53})
			switch {
			case !ok:
			case egress.Verdict == model.Allow && flows.At(corev1.ProtocolUDP, 53) == model.Allow:
				return
			case egress.Verdict == model.Deny:
				restricted = true
			}
		}
	}
	if restricted {
		n.add(Finding{Text: fmt.Sprintf("%s may not ask any DNS server, as its egress lets nothing out to port 53: add a rule for 53/UDP and 53/TCP to the pods of kube-dns", n.m.Classes[n.from].Name)})
	}
}
