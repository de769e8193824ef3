package oracle

import (
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Ends are what Evaluate decides by: what the policies on the client say, and those on the
// server. Both are undefined when the flow is.
func Ends(s model.Snapshot, f model.Flow) (egress, ingress Decision) {
	client, server, undefined := endpoints(s, f)
	if undefined != "" {
		return Decision{model.Undefined, undefined}, Decision{model.Undefined, undefined}
	}
	return egressDecision(s, f, client, server), ingressDecision(s, f, client, server)
}

// Deciding are the policies that can decide a flow: those that isolate its client for egress, or
// its server for ingress, in the order of the state.
func Deciding(s model.Snapshot, f model.Flow) []*netv1.NetworkPolicy {
	client, server, undefined := endpoints(s, f)
	if undefined != "" {
		return nil
	}
	var all []*netv1.NetworkPolicy
	for _, p := range s.Policies {
		if client != nil && isolates(p, side{direction: netv1.PolicyTypeEgress, subject: client}) ||
			server != nil && isolates(p, side{direction: netv1.PolicyTypeIngress, subject: server}) {
			all = append(all, p)
		}
	}
	return all
}
