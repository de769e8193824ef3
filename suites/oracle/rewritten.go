package oracle

import (
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Rewriting is what policies may see of a flow besides its two ends, as something on its way
// rewrites its addresses.
type Rewriting struct {
	Destinations []netip.AddrPort // that the client dialed, in the place of the server and its port
	Sources      []netip.Addr     // that the server sees, in the place of the client
}

// EvaluateRewritten is Evaluate for a flow whose addresses are rewritten. Where the verdict
// depends on when that happens, it is Undefined.
//
// Page: "Cluster ingress and egress mechanisms often require rewriting the source or
// destination IP of packets. In cases where this happens, it is not defined whether this
// happens before or after NetworkPolicy processing".
func EvaluateRewritten(s model.Snapshot, f model.Flow, r Rewriting) Decision {
	client, server, undefined := endpoints(s, f)
	if undefined != "" {
		return Decision{model.Undefined, undefined}
	}
	egress := []Decision{judge(s, f, side{direction: netv1.PolicyTypeEgress, subject: client, peer: server, peerAddr: f.Server, server: server})}
	for _, to := range r.Destinations {
		late := f
		late.Server, late.Port = to.Addr(), to.Port()
		egress = append(egress, judge(s, late, side{direction: netv1.PolicyTypeEgress, subject: client, peerAddr: late.Server}))
	}
	ingress := []Decision{ingressDecision(s, f, client, server)}
	for _, source := range r.Sources {
		early := f
		early.Client = source
		ingress = append(ingress, ingressDecision(s, early, nil, server))
	}
	first := Both(egress[0], ingress[0])
	for _, e := range egress {
		if slices.ContainsFunc(ingress, func(i Decision) bool { return Both(e, i).Verdict != first.Verdict }) {
			return Decision{model.Undefined, "undefined: it depends on when addresses are rewritten; as they are at both ends, " + first.Reason}
		}
	}
	return first
}
