package oracle

import "github.com/netassay/netassay/model"

// Ends are what Evaluate decides by: what the policies on the client say, and those on the
// server. Both are undefined when the flow is.
func Ends(s model.Snapshot, f model.Flow) (egress, ingress Decision) {
	client, server, undefined := endpoints(s, f)
	if undefined != "" {
		return Decision{model.Undefined, undefined}, Decision{model.Undefined, undefined}
	}
	return egressDecision(s, f, client, server), ingressDecision(s, f, client, server)
}
