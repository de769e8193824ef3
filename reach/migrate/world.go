package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// Cluster is what is known of a cluster, or of what will run in one.
type Cluster struct {
	inventory.Inventory
	// Real says that the addresses of pods and nodes are those of a cluster. When they were made
	// up, as for pods of manifests, the ranges below stand for them.
	Real       bool
	PodRanges  []netip.Prefix // where pods are; none: in any private range
	NodeRanges []netip.Prefix // where nodes are; none: in any private range
}

// world is a cluster with what predicates ask of it.
type world struct{ Cluster }

func newWorld(c Cluster) *world { return &world{c} }

// privateRanges are where pods and nodes of nearly all clusters are (RFC 1918, 6598, 4193).
func privateRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
	}
}

// block is an ipBlock that could be read.
type block struct {
	cidr   netip.Prefix
	except []netip.Prefix
}

// readBlock reads an ipBlock; what nobody can read holds nothing.
func readBlock(b *netv1.IPBlock) (block, bool) {
	cidr, ok := oracle.ParseCIDR(b.CIDR)
	if !ok {
		return block{}, false
	}
	out := block{cidr: cidr}
	for _, e := range b.Except {
		if p, ok := oracle.ParseCIDR(e); ok {
			out.except = append(out.except, p)
		}
	}
	return out, true
}

func (b block) has(a netip.Addr) bool {
	return b.cidr.Contains(a) && !slices.ContainsFunc(b.except, func(e netip.Prefix) bool { return e.Contains(a) })
}

// touches reports whether some address of a range can be in the block: they overlap, and no
// single except takes all that they share.
func (b block) touches(r netip.Prefix) bool {
	if !b.cidr.Overlaps(r) {
		return false
	}
	shared := r
	if b.cidr.Bits() > r.Bits() {
		shared = b.cidr
	}
	return !slices.ContainsFunc(b.except, func(e netip.Prefix) bool {
		return e.Bits() <= shared.Bits() && e.Contains(shared.Addr())
	})
}

// holdsPods says which pods a block holds, "" for none.
func (w *world) holdsPods(b block) string {
	if !w.Real {
		return held(b, w.PodRanges, "pods")
	}
	count, example := 0, ""
	for i := range w.Pods {
		pod := &w.Pods[i]
		if !pod.HostNetwork && slices.ContainsFunc(pod.IPs, b.has) {
			count++
			if example == "" {
				example = pod.Key()
			}
		}
	}
	if count > 0 {
		return fmt.Sprintf("%s holds %s, such as %s", b.cidr, plural(count, "pod"), example)
	}
	for _, n := range w.Nodes {
		for _, r := range n.PodCIDRs {
			if b.touches(r) {
				return fmt.Sprintf("%s holds addresses that node %s gives to pods, %s", b.cidr, n.Name, r)
			}
		}
	}
	return ""
}

// holdsNodes says which nodes a block holds, "" for none.
func (w *world) holdsNodes(b block) string {
	text := held(b, w.NodeRanges, "nodes")
	if w.Real {
		text = w.heldNodes(b)
	}
	if text == "" {
		return ""
	}
	for i := range w.Pods {
		if w.Pods[i].HostNetwork {
			return text + ", and so pods with hostNetwork, such as " + w.Pods[i].Key()
		}
	}
	return text
}

// heldNodes says which of the nodes that are known a block holds, "" for none.
func (w *world) heldNodes(b block) string {
	count, example := 0, ""
	for _, n := range w.Nodes {
		if slices.ContainsFunc(n.IPs, b.has) {
			count++
			example = cmp.Or(example, n.Name)
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("%s holds %s, such as %s", b.cidr, plural(count, "node"), example)
}

// held says whether a block can hold what is in ranges, those that were given or, when none
// were, all private ones.
func held(b block, ranges []netip.Prefix, what string) string {
	switch {
	case b.cidr.Bits() == 0 && len(b.except) == 0:
		return fmt.Sprintf("%s holds all %s of its family", b.cidr, what)
	case len(ranges) > 0:
		for _, r := range ranges {
			if b.touches(r) {
				return fmt.Sprintf("%s holds %s of %s", b.cidr, what, r)
			}
		}
		return ""
	case slices.ContainsFunc(privateRanges(), b.touches):
		return fmt.Sprintf("%s may hold %s: their addresses are not known here", b.cidr, what)
	}
	return ""
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// isolates reports whether a policy is about a direction, and does not allow all of it.
func isolates(p *netv1.NetworkPolicy, d netv1.PolicyType) bool {
	return slices.Contains(oracle.PolicyTypes(&p.Spec), d) && !slices.ContainsFunc(oracle.Rules(&p.Spec, d), func(r oracle.Rule) bool {
		return len(r.Peers) == 0 && len(r.Ports) == 0
	})
}

// selects are the pods that a policy selects and that it can isolate.
func (w *world) selects(p *netv1.NetworkPolicy) (pods []*model.Pod) {
	for i := range w.Pods {
		pod := &w.Pods[i]
		if pod.Namespace == p.Namespace && !pod.HostNetwork && oracle.Matches(&p.Spec.PodSelector, pod.Labels) {
			pods = append(pods, pod)
		}
	}
	return pods
}
