package plan

import (
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
)

// close makes every address of the node's podCIDRs one that is dropped until it is known:
// as that of a pod of the node, or as the node's own. A pod's address becomes known in the
// last step of a sync, when its isolation and its rules are in force, and stops being known
// in the first (see enforcer/kernel); so it is closed until its policies are in, and again
// as soon as it is gone.
func (c *compiler) close(nodes []model.Node, local []model.Pod) {
	for _, n := range nodes {
		if n.Name == c.opts.Node {
			c.closed = slices.Clone(n.PodCIDRs)
			c.known = c.sets.get(RoleKnown, Addresses, "known", nil)
			c.know(n.IPs)
			c.know(c.opts.Own)
		}
	}
	if len(c.closed) == 0 {
		return
	}
	slices.SortFunc(c.closed, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	for i := range local {
		if !local[i].HostNetwork {
			c.know(local[i].IPs)
		}
	}
}

// know adds the addresses that would be closed otherwise.
func (c *compiler) know(ips []netip.Addr) {
	for _, ip := range ips {
		ip = ip.Unmap().WithZone("")
		if slices.ContainsFunc(c.closed, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			c.known.add(HostMember(ip))
		}
	}
}

// unknown are the rules that drop what comes from (egress) or goes to (ingress) an address
// that is not known. They stand after the shortcuts: packets of known flows pass.
func (c *compiler) unknown(f model.Family, d direction) []Rule {
	var rules []Rule
	for _, p := range c.closed {
		if model.FamilyOf(p.Addr()) == f {
			match := Match{InPrefix{p, d.subject()}, Note{About: UnknownPod}, c.known.lacks(f, d.subject())}
			rules = append(rules, Rule{match, Drop{}})
		}
	}
	return rules
}
