package shadow

import (
	"fmt"
	"net/netip"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Reading is what the oracle says of a flow in the state that is there.
type Reading struct {
	Flow model.Flow
	Want model.Verdict
	// Gap says why the flow is not judged: it is none, or means something else than the originals'.
	Gap string
}

// Read asks the oracle about all flows of the plan, in their order, by the objects that a cluster
// has now, of which s is the plan's part.
func (p *Plan) Read(s model.Snapshot) []Reading {
	out := make([]Reading, len(p.Flows))
	for i := range p.Flows {
		out[i] = p.read(&p.Flows[i], s)
	}
	return out
}

func (p *Plan) read(f *Flow, s model.Snapshot) Reading {
	client, server := p.address(f.Client, f.Family, s), p.address(f.Server, f.Family, s)
	if !client.IsValid() || !server.IsValid() {
		return Reading{Gap: fmt.Sprintf("a probe pod has no %s address", f.Family)}
	}
	r := Reading{Flow: model.Flow{Client: client, Server: server, Protocol: f.Protocol, Port: f.Number}}
	d := oracle.Evaluate(s, r.Flow)
	r.Want = d.Verdict
	if d.Verdict != f.Verdict {
		r.Gap = fmt.Sprintf("between the probe pods it is %s (%s), between the originals %s (%s; %s)", d.Verdict, d.Reason, f.Verdict, f.Egress, f.Ingress)
	}
	return r
}

func (p *Plan) address(pod int, f model.Family, s model.Snapshot) netip.Addr {
	for i := range s.Pods {
		if s.Pods[i].Key() == p.Pods[pod].Key() {
			return f.First(s.Pods[i].IPs)
		}
	}
	return netip.Addr{}
}

// Witness is a pod that may talk to a server's port by the oracle's word, one on the server's node
// before others; -1 when nobody may.
func (p *Plan) Witness(s model.Snapshot, server int, family model.Family, port Port) int {
	to := p.address(server, family, s)
	found := -1
	for i := range p.Pods {
		from := p.address(i, family, s)
		if i == server || !from.IsValid() || !to.IsValid() {
			continue
		}
		f := model.Flow{Client: from, Server: to, Protocol: port.Protocol, Port: port.Number}
		near := p.Pods[i].Node == p.Pods[server].Node
		if (found < 0 || near) && oracle.Evaluate(s, f).Verdict == model.Allow {
			found = i
			if near {
				break
			}
		}
	}
	return found
}
