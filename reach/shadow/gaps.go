package shadow

import (
	"fmt"
	"net/netip"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
)

// gaps are what no shadow can stand for, whatever is drawn.
func gaps(v *inventory.Inventory) []Gap {
	var out []Gap
	host, bare := 0, 0
	for i := range v.Pods {
		switch p := &v.Pods[i]; {
		case p.HostNetwork:
			host++
		case len(p.IPs) == 0:
			bare++
		}
	}
	if host > 0 {
		out = append(out, Gap{fmt.Sprintf("%d pods on the host network", host), "no policy sees them, and probe pods never use a node's network"})
	}
	if bare > 0 {
		out = append(out, Gap{fmt.Sprintf("%d pods without an address", bare), "they don't run yet"})
	}
	for _, p := range v.Policies {
		if blocks := dividing(v, inventory.Peers(&p.Spec)...); len(blocks) > 0 {
			out = append(out, Gap{
				fmt.Sprintf("policy %s/%s, ipBlock %s", p.Namespace, p.Name, strings.Join(blocks, ", ")),
				"holds addresses of some pods, and probe pods have others: a flow is judged only where it means the same from theirs",
			})
		}
	}
	return append(out,
		Gap{"nodes and the world outside", "packets go between probe pods alone"},
		Gap{"Services", "none leads to a probe pod: flows are asked about after a Service's address has become a pod's"},
		Gap{"SCTP", "it takes raw packets, which probe pods have no right to send"},
	)
}

// dividing are those of the peers' blocks that hold the addresses of some pods and not of others.
func dividing(v *inventory.Inventory, peers ...*netv1.NetworkPolicyPeer) []string {
	var out []string
	for _, block := range matrix.Blocks(peers) {
		in, all := 0, 0
		for i := range v.Pods {
			for _, a := range v.Pods[i].IPs {
				if v.Pods[i].HostNetwork || model.FamilyOf(a) != familyOf(block) {
					continue
				}
				all++
				if block.Contains(a) {
					in++
				}
			}
		}
		if in > 0 && in < all {
			out = append(out, block.String())
		}
	}
	return out
}

func familyOf(p netip.Prefix) model.Family { return model.FamilyOf(p.Addr()) }
