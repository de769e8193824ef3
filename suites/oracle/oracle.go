package oracle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Decision is a verdict and the policies and rules that it comes from.
type Decision struct {
	Verdict model.Verdict
	Reason  string // e.g. "egress: not isolated; ingress: allowed by x/allow-a rule 0 peer 1"
}

// Evaluate says what the specification says about flow f in state s.
//
// Page: "For a connection from a source pod to a destination pod to be allowed, both the
// egress policy on the source pod and the ingress policy on the destination pod need to
// allow the connection. If either side does not allow the connection, it will not happen."
func Evaluate(s model.Snapshot, f model.Flow) Decision {
	client, server, undefined := endpoints(s, f)
	if undefined != "" {
		return Decision{model.Undefined, undefined}
	}
	return Both(egressDecision(s, f, client, server), ingressDecision(s, f, client, server))
}

// Both is what the two sides of a flow together decide.
func Both(egress, ingress Decision) Decision {
	switch {
	case egress.Verdict == model.Allow && ingress.Verdict == model.Allow,
		egress.Verdict == model.Deny && ingress.Verdict == model.Deny:
		return Decision{egress.Verdict, egress.Reason + "; " + ingress.Reason}
	case egress.Verdict == model.Deny:
		return egress
	case ingress.Verdict == model.Deny:
		return ingress

	// No side says no, and one side can't be known.
	case egress.Verdict == model.Undefined:
		return egress
	default:
		return ingress
	}
}

// endpoints finds the pods at both ends, nil for what is not a pod of the pod network. The
// string says why the specification leaves the flow open, when it does.
func endpoints(s model.Snapshot, f model.Flow) (client, server *model.Pod, undefined string) {
	clients, servers := owners(s, f.Client), owners(s, f.Server)
	for _, pods := range [][]*model.Pod{clients, servers} {
		if len(pods) > 1 {
			return nil, nil, fmt.Sprintf("undefined: %s and %s have the same address", pods[0].Key(), pods[1].Key())
		}
	}
	client, server = first(clients), first(servers)

	// Page: "exception: a pod cannot block access to itself". How far that goes (its own
	// address, its own Service) is left open, see
	// https://github.com/kubernetes/kubernetes/issues/95879.
	if client != nil && client == server {
		return nil, nil, "undefined: " + client.Key() + " to itself"
	}
	return client, server, ""
}

// owners are the pods that have this address on the pod network.
//
// Page: "NetworkPolicy behaviour for hostNetwork pods is undefined, but it should be
// limited to 2 possibilities". Of the two we take the one that the page calls the most
// common: the network plugin "ignores hostNetwork pods when matching podSelector and
// namespaceSelector. Traffic to/from hostNetwork pods is treated the same as all other
// traffic to/from the node IP."
func owners(s model.Snapshot, addr netip.Addr) []*model.Pod {
	var pods []*model.Pod
	for i := range s.Pods {
		if !s.Pods[i].HostNetwork && slices.Contains(s.Pods[i].IPs, addr) {
			pods = append(pods, &s.Pods[i])
		}
	}
	return pods
}

func first(pods []*model.Pod) *model.Pod {
	if len(pods) == 0 {
		return nil
	}
	return pods[0]
}

// egressDecision judges the client's side.
//
// Page: "traffic to and from the node where a Pod is running is always allowed, regardless of
// the IP address of the Pod or the node". API: "Outgoing traffic is allowed if there are no
// NetworkPolicies selecting the pod (and cluster policy otherwise allows the traffic), OR if
// the traffic matches at least one egress rule across all of the NetworkPolicy objects whose
// podSelector matches the pod". What the one allows and the other does not is left open.
func egressDecision(s model.Snapshot, f model.Flow, client, server *model.Pod) Decision {
	d := judge(s, f, side{direction: netv1.PolicyTypeEgress, subject: client, peer: server, peerAddr: f.Server, server: server})
	if d.Verdict == model.Deny && server == nil && onNode(s, client.Node, f.Server) {
		return Decision{model.Undefined, "undefined: to the pod's own node " + client.Node + ", which the page always allows and the API does not (" + d.Reason + ")"}
	}
	return d
}

// ingressDecision judges the server's side.
//
// Page: "When a pod is isolated for ingress, the only allowed connections into the pod are
// those from the pod's node and those allowed by the ingress list of some NetworkPolicy
// that applies to the pod for ingress." API: "OR if the traffic source is the pod's local
// node".
func ingressDecision(s model.Snapshot, f model.Flow, client, server *model.Pod) Decision {
	if server != nil && client == nil && onNode(s, server.Node, f.Client) {
		return Decision{model.Allow, "ingress: from the pod's own node " + server.Node}
	}
	return judge(s, f, side{direction: netv1.PolicyTypeIngress, subject: server, peer: client, peerAddr: f.Client, server: server})
}

func onNode(s model.Snapshot, node string, addr netip.Addr) bool {
	return slices.ContainsFunc(s.Nodes, func(n model.Node) bool {
		return n.Name == node && slices.Contains(n.IPs, addr)
	})
}

// side is a flow as seen from one of its ends.
type side struct {
	direction netv1.PolicyType
	subject   *model.Pod // nil: not a pod, so no policy can isolate it
	peer      *model.Pod // nil: not a pod, so only an ipBlock can match it
	peerAddr  netip.Addr
	server    *model.Pod // whose named ports count; nil: none
}

// judge decides one direction.
func judge(s model.Snapshot, f model.Flow, d side) Decision {
	name := strings.ToLower(string(d.direction))
	if d.subject == nil {
		return Decision{model.Allow, name + ": not a pod"}
	}
	if p := unreadable(s, d); p != nil {
		return Decision{model.Undefined, fmt.Sprintf("%s: undefined: whom %s/%s selects, as no API server takes its podSelector", name, p.Namespace, p.Name)}
	}
	var isolating []string
	for _, p := range s.Policies {
		if !isolates(p, d) {
			continue
		}
		isolating = append(isolating, p.Namespace+"/"+p.Name)

		// API: traffic is allowed "if the traffic matches at least one ingress rule across
		// all of the NetworkPolicy objects whose podSelector matches the pod".
		// Page: "Network policies do not conflict; they are additive. [...] Thus, order
		// of evaluation does not affect the policy result."
		if rule, ok := allowingRule(s, p, f, d); ok {
			return Decision{model.Allow, fmt.Sprintf("%s: allowed by %s/%s %s", name, p.Namespace, p.Name, rule)}
		}
	}

	// Page: "By default, a pod is non-isolated for egress; all outbound connections are
	// allowed." And the same of ingress.
	if len(isolating) == 0 {
		return Decision{model.Allow, name + ": not isolated"}
	}

	// API: "If this field is empty then this NetworkPolicy does not allow any traffic
	// (and serves solely to ensure that the pods it selects are isolated by default)."
	return Decision{model.Deny, fmt.Sprintf("%s: isolated by %s, no rule matches", name, strings.Join(isolating, ", "))}
}

// unreadable finds a policy that could select the subject for this direction if anybody
// knew what its podSelector means: an operator that does not exist, or one with too many or
// too few values. Every API server refuses such objects, so no sentence is about them: not
// that they select nobody, which would open what somebody meant to close.
func unreadable(s model.Snapshot, d side) *netv1.NetworkPolicy {
	for _, p := range s.Policies {
		if !readable(&p.Spec.PodSelector) && p.Namespace == d.subject.Namespace && slices.Contains(PolicyTypes(&p.Spec), d.direction) {
			return p
		}
	}
	return nil
}

// isolates reports whether policy p makes the subject isolated in this direction.
//
// Page: "A pod is isolated for egress if there is any NetworkPolicy that both selects the
// pod and has "Egress" in its policyTypes". And the same of ingress.
func isolates(p *netv1.NetworkPolicy, d side) bool {
	// API: "podSelector selects the pods to which this NetworkPolicy object applies. [...]
	// An empty selector matches all pods in the policy's namespace."
	return p.Namespace == d.subject.Namespace &&
		Matches(&p.Spec.PodSelector, d.subject.Labels) &&
		slices.Contains(PolicyTypes(&p.Spec), d.direction)
}

// PolicyTypes are the directions that a policy is about.
//
// API: "If this field is not specified, it will default based on the existence of ingress
// or egress rules; policies that contain an egress section are assumed to affect egress,
// and all policies (whether or not they contain an ingress section) are assumed to affect
// ingress."
func PolicyTypes(spec *netv1.NetworkPolicySpec) []netv1.PolicyType {
	if len(spec.PolicyTypes) > 0 {
		return spec.PolicyTypes
	}
	if len(spec.Egress) > 0 {
		return []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}
	}
	return []netv1.PolicyType{netv1.PolicyTypeIngress}
}

// Rule is an ingress or egress rule: both say the same of the other end.
type Rule struct {
	Peers []netv1.NetworkPolicyPeer
	Ports []netv1.NetworkPolicyPort
}

// Rules are a policy's in one direction.
func Rules(spec *netv1.NetworkPolicySpec, direction netv1.PolicyType) []Rule {
	var all []Rule
	if direction == netv1.PolicyTypeEgress {
		for _, r := range spec.Egress {
			all = append(all, Rule{r.To, r.Ports})
		}
		return all
	}
	for _, r := range spec.Ingress {
		all = append(all, Rule{r.From, r.Ports})
	}
	return all
}

// allowingRule names the first rule of p that matches the flow.
//
// API: "The traffic must match both ports and from." And of egress: "both ports and to".
func allowingRule(s model.Snapshot, p *netv1.NetworkPolicy, f model.Flow, d side) (string, bool) {
	for i, r := range Rules(&p.Spec, d.direction) {
		peer, ok := matchingPeer(s, p.Namespace, r.Peers, d)
		if !ok {
			continue
		}
		if port, ok := matchingPort(r.Ports, f, d.server); ok {
			return fmt.Sprintf("rule %d%s%s", i, peer, port), true
		}
	}
	return "", false
}
