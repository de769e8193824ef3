//go:build mutants

package mutants

import (
	"net/netip"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/host"
)

// credulous is a node that does not tell by which link its pods are.
type credulous struct{ agent.Host }

func (credulous) Links([]netip.Addr, []netip.Prefix) (map[netip.Addr]host.Link, error) {
	return nil, nil
}

// unforgetting is a node whose tracked flows nobody has forgotten.
type unforgetting struct{ agent.Host }

func (unforgetting) Forget([]netip.Addr) (int, error) { return 0, nil }

// seenAs has the enforcer see its node as that.
func seenAs(h agent.Host) func(*node) { return func(n *node) { n.host = h } }

// packets are faults that need packets that no program sends, or an address that changes hands.
func packets() []Mutant {
	return []Mutant{
		{Name: "sources-believed", Says: "a packet is taken for one of the pod whose address it gives as its source", Cases: list("forged-source-egress-nobody forged-source-egress-pod forged-source-ingress-pod forged-source-ingress-neighbour"), begin: seenAs(credulous{host.New()})},
		{Name: "heirs-inherit-flows", Says: "what was established with the former owner of an address goes on to the next", Cases: list("address-reused-old-flow-egress address-reused-old-flow-ingress"), begin: seenAs(unforgetting{host.New()})},
		{Name: "options-open-ipv6", Says: "IPv6 packets with hop-by-hop or destination options are not enforced", Cases: list("options-egress options-ingress options-ports"), rules: []string{"6 FWD -m ipv6header --header hop-by-hop,ipv6-opts --soft -j ACCEPT"}},
	}
}
