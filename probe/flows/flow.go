package flows

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
)

// Flow is one client and one address of one server.
type Flow struct {
	Client, Server string // by the names of their probers
	Addr           netip.AddrPort
	Place          string // SameNode or CrossNode, "" where nobody asks
	From           uint16 // the source port of its stream; 0: a fresh one
	Established    bool   // its stream is answered
}

// Where the client of a flow is, as its server sees it.
const (
	SameNode  = "same-node"
	CrossNode = "cross-node"
)

// To are the flows of the clients to a port of the server, at each of its addresses.
func To(server probe.Pod, port uint16, clients ...probe.Pod) []Flow {
	var out []Flow
	for _, c := range clients {
		place := CrossNode
		if c.Node == server.Node {
			place = SameNode
		}
		for _, a := range server.Addrs {
			out = append(out, Flow{Client: c.Name, Server: server.Name, Addr: netip.AddrPortFrom(a, port), Place: place})
		}
	}
	return out
}

// Family is the family of the flow's packets.
func (f Flow) Family() model.Family { return model.FamilyOf(f.Addr.Addr()) }

// String is the flow in one line of evidence.
func (f Flow) String() string {
	text := strings.TrimSpace(fmt.Sprintf("%s → %s %s %s", f.Client, f.Server, f.Family(), f.Place))
	if f.From != 0 {
		text += fmt.Sprintf(" from port %d", f.From)
	}
	if f.Established {
		text += " established"
	}
	return text
}
