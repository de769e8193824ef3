package cases

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// RemoteNode is the node that a host outside dials by a remote path, for the key of the server's
// own: always the same one.
func RemoteNode(own string) string { return NodeKey(numberOf(own)%FixtureNodes + 1) }

// numberOf is the number of a node, by whatever name, all of which end in it.
func numberOf(node string) int { return int(node[len(node)-1] - '0') }

// admits reports whether a host outside has a way to the server at all: by what a Service of the
// case opens to the outside. What becomes of packets on this way is another question, see Drops.
func (p *FakeCluster) admits(server string, k Kind) bool {
	front := p.front(server)
	if front == nil || k.Probe.Protocol == ICMP || p.bare[server] || front.port(k.Probe) == 0 {
		return false
	}
	return k.Path.Balanced() && front.Type == LoadBalancer || k.Path.ByNode() && !k.Path.Balanced() && front.External()
}

// Drops says why the Service that a host outside dials takes none of its packets to the server,
// whatever policies say; "" when it does. It is the API of Services that says so, which kube-proxy
// fulfils before any packet is on its way to a pod.
func (p *FakeCluster) Drops(k Cell) string {
	host, front := WorldAddr(k.Client), p.front(k.Server)
	if !host.IsValid() || front == nil || !k.Path.ByNode() {
		return ""
	}
	// API: "If specified and supported by the platform, this will restrict traffic through the
	// cloud-provider load-balancer will be restricted to the specified client IPs."
	if k.Path.Balanced() && !front.letsIn(host) {
		return fmt.Sprintf("service: %s is in no loadBalancerSourceRanges of %s", host, front.Key())
	}
	// API: "each node will deliver traffic only to the node-local endpoints of the service, without
	// masquerading the client source IP. (Traffic mistakenly sent to a node with no endpoints will
	// be dropped.)"
	if k.Path.Remote() && front.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		return fmt.Sprintf("service: %s is Local, and has no endpoint on the node that was dialed", front.Key())
	}
	return ""
}

// Because is why the oracle has its verdict on a cell after step, in the case's own names.
func (c Case) Because(step int, k Cell) string {
	d, _ := c.after(step).Verdict(k)
	return strings.ReplaceAll(d.Reason, suffix+"/", "/")
}

// letsIn reports whether the Service's ranges of sources hold an address.
func (s Front) letsIn(source netip.Addr) bool {
	return len(s.SourceRanges) == 0 || slices.ContainsFunc(s.SourceRanges, func(r netip.Prefix) bool { return r.Contains(source) })
}

// Guest is an address outside of the cluster that the Service's ranges of sources hold, not valid
// when none of the family does.
func (s Front) Guest(f model.Family) netip.Addr {
	for _, r := range slices.Concat(s.SourceRanges, model.OutsideRanges()) {
		if model.FamilyOf(r.Addr()) == f && s.letsIn(r.Addr()) {
			return r.Addr()
		}
	}
	return netip.Addr{}
}

// External reports whether the Service has node ports.
func (s Front) External() bool { return s.Type == NodePort || s.Type == LoadBalancer }

// opened reads what a Service is from outside of the cluster.
func (p *parser) opened(at *yaml.Node, h headerService, s *Front) {
	s.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicy(h.ExternalTrafficPolicy)
	if h.ExternalTrafficPolicy != "" && !s.External() {
		p.fail(at, "only a Service of type NodePort or LoadBalancer has an externalTrafficPolicy")
	}
	if s.Type == LoadBalancer && len(p.kase.World) == 0 {
		p.fail(at, `only hosts outside dial a load balancer; name some in "world"`)
	}
	if len(h.SourceRanges) > 0 && s.Type != LoadBalancer {
		p.fail(at, "only a Service of type LoadBalancer has sourceRanges")
	}
	families := map[model.Family]bool{}
	for _, text := range h.SourceRanges {
		r, err := netip.ParsePrefix(text)
		if err != nil || r != r.Masked() || !model.IsOutside(r.Addr()) {
			p.fail(at, "%q is no block of addresses outside of clusters; valid are those in %v", text, model.OutsideRanges())
			continue
		}
		families[model.FamilyOf(r.Addr())] = true
		s.SourceRanges = append(s.SourceRanges, r)
	}
	if len(families) == 1 {
		p.fail(at, "sourceRanges of one family leave the other open; name a block of each")
	}
}
