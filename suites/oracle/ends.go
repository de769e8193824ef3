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
	egress = judge(s, f, side{direction: netv1.PolicyTypeEgress, subject: client, peer: server, peerAddr: f.Server, server: server})
	return egress, ingressDecision(s, f, client, server)
}
