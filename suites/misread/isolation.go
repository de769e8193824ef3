package misread

import (
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// ofPeers are the readings that misread how the two selectors of a peer work together.
func ofPeers() []*Reading {
	var out []*Reading
	for _, d := range directions() {
		out = append(out,
			misreadSelectors(d, "a pod selector alone selects in all namespaces", func(p *netv1.NetworkPolicyPeer) bool { return p.NamespaceSelector == nil },
				func(pod, _, _ bool) bool { return pod }),
			misreadSelectors(d, "a namespace selector is ignored beside a pod selector", bothSelectors, func(pod, _, _ bool) bool { return pod }),
			misreadSelectors(d, "a pod selector is ignored beside a namespace selector", bothSelectors, func(_, ns, _ bool) bool { return ns }),
			misreadSelectors(d, "a pod selector or a namespace selector is enough", bothSelectors, func(pod, ns, own bool) bool { return pod && own || ns }),
			misreadSelectors(d, "both selectors select in the policy's namespace only", bothSelectors, func(pod, ns, own bool) bool { return pod && ns && own }),
			misreadSelectors(d, "a namespace selector alone leaves out the policy's namespace", func(p *netv1.NetworkPolicyPeer) bool { return p.PodSelector == nil },
				func(_, ns, own bool) bool { return ns && !own }),
			misreadSelectors(d, "selectors leave out the policy's namespace", bothSelectors, func(pod, ns, own bool) bool { return pod && ns && !own }),
		)
	}
	return out
}

func bothSelectors(p *netv1.NetworkPolicyPeer) bool {
	return p.PodSelector != nil && p.NamespaceSelector != nil
}

// misreadSelectors replaces how peers with selectors of a kind match: by whether the pod is
// selected, its namespace is, and it is the policy's own.
func misreadSelectors(d Direction, mistake string, of func(*netv1.NetworkPolicyPeer) bool, matches func(pod, namespace, own bool) bool) *Reading {
	r := named(d, mistake)
	right := r.peer
	r.peer = func(p *netv1.NetworkPolicyPeer, namespace string, s side) bool {
		if s.direction != d || p.IPBlock != nil || s.peer == nil || !of(p) {
			return right(p, namespace, s)
		}
		pod := p.PodSelector == nil || r.selects(PeerPod, d, p.PodSelector, s.peer.Labels)
		ns := p.NamespaceSelector == nil || r.selects(Namespace, d, p.NamespaceSelector, labelsOf(s.state, s.peer.Namespace))
		return matches(pod, ns, s.peer.Namespace == namespace)
	}
	return r
}

// ofIsolation are the readings that misread whom a policy isolates, in which direction, and
// what no policy can take away.
func ofIsolation() []*Reading {
	const in, out = netv1.PolicyTypeIngress, netv1.PolicyTypeEgress
	both := []Direction{in, out}
	all := []*Reading{
		misreadTypes("policyTypes are ignored: all policies are of both", func(*netv1.NetworkPolicySpec) []Direction { return both }),
		misreadTypes("policyTypes are ignored: rules decide", func(spec *netv1.NetworkPolicySpec) []Direction { return typesOfRules(spec) }),
		misreadTypes("all policies are of ingress", func(spec *netv1.NetworkPolicySpec) []Direction {
			return append([]Direction{in}, oracle.PolicyTypes(spec)...)
		}),
		misreadTypes("egress needs rules", func(spec *netv1.NetworkPolicySpec) []Direction { return withoutRules(spec, out, len(spec.Egress)) }),
		misreadTypes("ingress needs rules", func(spec *netv1.NetworkPolicySpec) []Direction { return withoutRules(spec, in, len(spec.Ingress)) }),
		misreadTypes("both types are taken as the first", func(spec *netv1.NetworkPolicySpec) []Direction { return oracle.PolicyTypes(spec)[:1] }),
		misreadTypes("both types are taken as the last", func(spec *netv1.NetworkPolicySpec) []Direction { t := oracle.PolicyTypes(spec); return t[len(t)-1:] }),
	}
	for _, d := range directions() {
		all = append(all, notIsolated(d), otherNamespaces(d), nobodyIsIsolated(d), exempt(d, "traffic of nodes is always allowed", func(s side) bool { return isNode(s, false) }),
			exempt(d, "traffic on the own node is always allowed", func(s side) bool { return s.peer != nil && s.peer.Node == s.subject.Node }),
			exempt(d, "traffic in the own namespace is always allowed", func(s side) bool { return s.peer != nil && s.peer.Namespace == s.subject.Namespace }),
			exempt(d, "traffic with what is no pod is always allowed", func(s side) bool { return s.peer == nil }),
			exempt(d, "traffic with pods of other nodes is always allowed", func(s side) bool { return s.peer != nil && s.peer.Node != s.subject.Node }))
		for _, f := range []model.Family{model.IPv4, model.IPv6} {
			all = append(all, exempt(d, "traffic of "+string(f)+" is always allowed", func(s side) bool { return model.FamilyOf(s.addr) == f }))
		}
		for _, protocol := range protocols() {
			all = append(all, exempt(d, "traffic of "+string(protocol)+" is always allowed", func(s side) bool { return s.flow.Protocol == protocol }))
		}
	}
	for _, d := range directions() {
		all = append(all, hostSubjects(d), hostPeers(d))
	}
	blocked := Right()
	blocked.Name = "ingress: the own node is blocked"
	blocked.exempt = func(side) bool { return false }
	return append(all, blocked)
}

// hostSubjects: the address of a node is taken for that of a pod in its network, which
// policies isolate.
func hostSubjects(d Direction) *Reading {
	r := named(d, "pods in the network of their node are isolated like others")
	r.sees = func(s side) side {
		own := s.flow.Client
		if d == netv1.PolicyTypeIngress {
			own = s.flow.Server
		}
		if s.direction == d && s.subject == nil {
			s.subject = onHost(s.state, own)
		}
		return s
	}
	return r
}

// hostPeers: the address of a node is taken for that of a pod in its network, which peers select.
func hostPeers(d Direction) *Reading {
	r := named(d, "pods in the network of their node are peers like others")
	r.sees = func(s side) side {
		if s.direction == d && s.peer == nil {
			s.peer = onHost(s.state, s.addr)
		}
		return s
	}
	return r
}

func misreadTypes(mistake string, types func(*netv1.NetworkPolicySpec) []Direction) *Reading {
	r := Right()
	r.Name, r.types = "types: "+mistake, types
	return r
}

func typesOfRules(spec *netv1.NetworkPolicySpec) []Direction {
	var out []Direction
	if len(spec.Ingress) > 0 {
		out = append(out, netv1.PolicyTypeIngress)
	}
	if len(spec.Egress) > 0 {
		out = append(out, netv1.PolicyTypeEgress)
	}
	return out
}

func withoutRules(spec *netv1.NetworkPolicySpec, d Direction, rules int) []Direction {
	return slices.DeleteFunc(slices.Clone(oracle.PolicyTypes(spec)), func(t Direction) bool { return t == d && rules == 0 })
}

// notIsolated: the rules of a policy allow, and what they don't name is allowed all the same
// when the policy has no rules in this direction.
func notIsolated(d Direction) *Reading {
	r := named(d, "a policy without rules isolates nobody")
	right := r.applies
	r.applies = func(p *netv1.NetworkPolicy, s side) bool {
		return right(p, s) && (s.direction != d || len(oracle.Rules(&p.Spec, d)) > 0)
	}
	return r
}

func otherNamespaces(d Direction) *Reading {
	r := named(d, "a policy selects in all namespaces")
	right := r.applies
	r.applies = func(p *netv1.NetworkPolicy, s side) bool {
		if s.direction != d {
			return right(p, s)
		}
		return slices.Contains(r.types(&p.Spec), d) && r.selects(Subject, d, &p.Spec.PodSelector, s.subject.Labels)
	}
	return r
}

func nobodyIsIsolated(d Direction) *Reading {
	r := named(d, "policies are not enforced")
	right := r.applies
	r.applies = func(p *netv1.NetworkPolicy, s side) bool { return s.direction != d && right(p, s) }
	return r
}

func exempt(d Direction, mistake string, which func(s side) bool) *Reading {
	r := named(d, mistake)
	right := r.exempt
	r.exempt = func(s side) bool { return s.direction == d && which(s) || right(s) }
	return r
}
