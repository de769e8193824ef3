package plan

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/match"
	"github.com/netassay/netassay/model"
)

// addPolicy compiles one policy if it selects a pod of the node.
func (c *compiler) addPolicy(p *netv1.NetworkPolicy) {
	c.policy = p
	selector, err := match.ParseSelector(&p.Spec.PodSelector)
	readable := err == nil
	if !readable {
		selector = match.Everything() // nobody knows whom it protects: protect all
	}
	subjects := c.local.InNamespace(p.Namespace, selector)
	if none(subjects.Pods()) {
		return
	}
	c.at.selecting++
	if !readable {
		c.problem("spec.podSelector", "%v; every pod of the namespace is isolated and this policy allows nothing", err)
	}
	ds := c.directions(&p.Spec)
	for _, d := range ds {
		ch := c.chain(p.Namespace, d)
		for pod := range subjects.Pods() {
			ch.isolate(pod)
		}
	}
	if readable {
		c.allow(ds, subject{p.Namespace, selector}, &p.Spec)
	}
}

// allow adds what the policy at hand allows its subjects: all of it, or nothing if it takes
// more than it may.
func (c *compiler) allow(ds []direction, subj subject, spec *netv1.NetworkPolicySpec) {
	c.large = false
	var before [2]int
	for _, d := range ds {
		ch := c.chain(subj.namespace, d)
		before[d] = len(ch.allows)
		c.addRules(ch, subj, spec)
	}
	if c.large {
		for _, d := range ds {
			ch := c.chain(subj.namespace, d)
			ch.allows = ch.allows[:before[d]]
		}
		c.problem("spec", "too large: the policies of a namespace may take %d rules per direction and %d addresses, prefixes and ports of pods: give fewer rules, or selectors that select less", MostLines, MostMembers)
		return
	}
	for _, d := range ds {
		if opensAll(spec, d) {
			for pod := range c.local.InNamespace(subj.namespace, subj.selector).Pods() {
				c.open[openPod{pod, d}] = true
			}
		}
	}
}

// subject is whom a policy selects.
type subject struct {
	namespace string
	selector  match.Selector
}

// key is equal for policies that select the same pods.
func (s subject) key() string { return s.namespace + " " + s.selector.Key() }

// directions reads policyTypes. "If no policyTypes are specified on a NetworkPolicy then
// by default Ingress will always be set and Egress will be set if the NetworkPolicy has
// any egress rules."
func (c *compiler) directions(spec *netv1.NetworkPolicySpec) []direction {
	if len(spec.PolicyTypes) == 0 {
		if len(spec.Egress) > 0 {
			return []direction{ingress, egress}
		}
		return []direction{ingress}
	}
	var in, out bool
	for i, t := range spec.PolicyTypes {
		switch t {
		case netv1.PolicyTypeIngress:
			in = true
		case netv1.PolicyTypeEgress:
			out = true
		default:
			c.problem(fmt.Sprintf("spec.policyTypes[%d]", i), "%q is not a policy type: use Ingress or Egress", t)
		}
	}
	var ds []direction
	if in {
		ds = append(ds, ingress)
	}
	if out {
		ds = append(ds, egress)
	}
	return ds
}

// rule is an ingress or egress rule in the words that both share.
type rule struct {
	field string // e.g. spec.ingress[0]
	list  string // e.g. from
	peers []netv1.NetworkPolicyPeer
	ports []netv1.NetworkPolicyPort
}

func (c *compiler) addRules(ch *namespaceChain, subj subject, spec *netv1.NetworkPolicySpec) {
	if ch.direction == ingress {
		for i, r := range spec.Ingress {
			c.addRule(ch, subj, rule{fmt.Sprintf("spec.ingress[%d]", i), "from", r.From, r.Ports})
		}
		return
	}
	for i, r := range spec.Egress {
		c.addRule(ch, subj, rule{fmt.Sprintf("spec.egress[%d]", i), "to", r.To, r.Ports})
	}
}

// opensAll reports whether a rule allows everything in a direction.
func opensAll(spec *netv1.NetworkPolicySpec, d direction) bool {
	if d == ingress {
		return slices.ContainsFunc(spec.Ingress, func(r netv1.NetworkPolicyIngressRule) bool { return len(r.From)+len(r.Ports) == 0 })
	}
	return slices.ContainsFunc(spec.Egress, func(r netv1.NetworkPolicyEgressRule) bool { return len(r.To)+len(r.Ports) == 0 })
}

// addRule adds one line per peer and port group, of which there are few: the pods of a rule
// are one peer, and its named ports one group. "This rule allows traffic which matches
// both the from and ports sections."
func (c *compiler) addRule(ch *namespaceChain, subj subject, r rule) {
	if c.large {
		return
	}
	list := c.parsePorts(r.field+".ports", r.ports)
	peers := c.parsePeers(r.field+"."+r.list, r.peers)
	if c.large || !c.affordLines(ch, len(peers)*(len(list.numeric)+min(1, len(list.named)))) {
		return
	}
	subjects := c.subjectSet(subj)
	note := Note{About: c.policy.Namespace + "/" + c.policy.Name, Field: r.field}
	for _, p := range peers {
		for _, numeric := range list.numeric {
			ch.allows = append(ch.allows, allow{subjects, p.peer, ports{numeric: numeric}, note})
		}
		if len(list.named) > 0 {
			named := c.namedSet(ch.direction, subj, p, list.named)
			ch.allows = append(ch.allows, allow{subjects, p.peer, ports{named: named}, note})
		}
	}
}

// subjectSet is the set of the node's pods that the policy selects, or nil when it selects
// all of its namespace: the chain is entered for such pods only.
func (c *compiler) subjectSet(s subject) *set {
	if s.selector.Everything() {
		return nil
	}
	pods := c.local.InNamespace(s.namespace, s.selector)
	c.afford("subjects "+s.key(), pods.Addresses)
	return c.sets.get(RoleSubject, Addresses, s.key(), func(to *set) {
		for p := range pods.Pods() {
			to.addPod(p)
		}
		c.dropContested(to, s)
	})
}

// dropContested takes out the addresses that another pod of the namespace has too, one that the
// policy does not select: what allows the one must not allow the other.
func (c *compiler) dropContested(from *set, s subject) {
	count := func(sel match.Selector, ip netip.Addr) (n int) {
		for p := range c.local.InNamespace(s.namespace, sel).Pods() {
			if slices.Contains(p.IPs, ip) {
				n++
			}
		}
		return n
	}
	for i := range from.members {
		from.members[i] = slices.DeleteFunc(from.members[i], func(m Member) bool {
			return c.local.Double(m.Addr()) && count(s.selector, m.Addr()) < count(match.Everything(), m.Addr())
		})
	}
}

// namedSet resolves named ports on every pod that can be the destination: a subject for
// ingress, a peer for egress. Each pod may number a port differently, and a pod without
// the port is allowed nothing.
func (c *compiler) namedSet(d direction, subj subject, p scopedPeer, list []namedPort) *set {
	scope, pods := p.scope, p.pods
	if d == ingress {
		scope, pods = subj.key(), c.local.InNamespace(subj.namespace, subj.selector)
	}
	texts, names := make([]string, len(list)), make(map[namedPort]bool, len(list))
	for i, n := range list {
		texts[i], names[n] = n.name+"/"+string(n.protocol), true
	}
	key := d.String() + " " + scope + " " + strings.Join(texts, ",")
	count := func() (n int) {
		for pod := range pods.Pods() {
			for _, port := range pod.Ports {
				if names[namedPort{port.Name, port.Protocol}] {
					n += len(pod.IPs)
				}
			}
		}
		return n
	}
	if d == egress {
		s := c.clusterSet(RoleNamedPort, AddressPorts, key, pods, func(s *set, pod *model.Pod) { s.addPorts(pod, names) })
		if !c.affordSet("ports "+key, s.cluster, count) {
			return nil
		}
		return s
	}
	if !c.afford("ports "+key, count) {
		return nil
	}
	return c.sets.get(RoleNamedPort, AddressPorts, key, func(s *set) {
		for pod := range pods.Pods() {
			s.addPorts(pod, names)
		}
		for i := range s.members { // whose number is it?
			s.members[i] = slices.DeleteFunc(s.members[i], func(m Member) bool { return c.local.Double(m.Addr()) })
		}
	})
}

func none(pods iter.Seq[*model.Pod]) bool {
	for range pods {
		return false
	}
	return true
}

// Isolating are the policies that isolate a pod, by direction, as namespace/name in order.
func Isolating(policies []*netv1.NetworkPolicy, pod model.Pod) (in, out []string) {
	c := new(Compiler).begin(model.Snapshot{Pods: []model.Pod{pod}}, Options{Node: pod.Node}, hash)
	for _, p := range policies {
		c.policy = p
		selector, err := match.ParseSelector(&p.Spec.PodSelector)
		if err != nil {
			selector = match.Everything()
		}
		if none(c.local.InNamespace(p.Namespace, selector).Pods()) {
			continue
		}
		for _, d := range c.directions(&p.Spec) {
			list := &in
			if d == egress {
				list = &out
			}
			*list = append(*list, p.Namespace+"/"+p.Name)
		}
	}
	slices.Sort(in)
	slices.Sort(out)
	return in, out
}
