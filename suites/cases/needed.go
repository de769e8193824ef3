package cases

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
)

// Needed are the features that can be read off a case's shape, sorted: not all that it needs.
func (c Case) Needed() []Feature {
	features := map[Feature]bool{
		Service:   slices.ContainsFunc(c.Paths, func(p Path) bool { return p != PathPod }),
		NodePorts: c.DialsNodePorts(),
		Restarts:  c.Restarts(""), NodeTraffic: len(c.Nodes) > 0, OutsideTraffic: len(c.World) > 0,
	}
	for _, p := range c.Probes {
		features[SCTP] = features[SCTP] || p.Protocol == corev1.ProtocolSCTP
	}
	for _, s := range c.Steps {
		for _, e := range s.Expect {
			features[RawPackets] = features[RawPackets] || slices.ContainsFunc(e.Ports, func(pp PortPattern) bool { return pp.Form != "" })
		}
		for _, a := range Unrolled(s.Do) {
			switch a := a.(type) {
			case CreatePod:
				features[Lifecycle] = true
				features[NodeTraffic] = features[NodeTraffic] || a.HostNetwork
				features[DualStack] = features[DualStack] || a.Family != ""
			case DeletePod:
				features[Lifecycle] = true
			case PatchPolicy:
				features[PolicyUpdate] = true
			case RefusePolicy:
				features[Validation] = true
			case ApplyPolicy:
				neededByPolicy(a.Policy, features)
			}
		}
	}
	maps.DeleteFunc(features, func(_ Feature, needed bool) bool { return !needed })
	return slices.Sorted(maps.Keys(features))
}

func neededByPolicy(p *netv1.NetworkPolicy, features map[Feature]bool) {
	peers, ports := []netv1.NetworkPolicyPeer{}, []netv1.NetworkPolicyPort{}
	for _, r := range p.Spec.Ingress {
		peers, ports = append(peers, r.From...), append(ports, r.Ports...)
	}
	for _, r := range p.Spec.Egress {
		peers, ports = append(peers, r.To...), append(ports, r.Ports...)
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			features[IPBlock] = true
			features[Except] = features[Except] || len(peer.IPBlock.Except) > 0
		}
		features[NamespaceSelector] = features[NamespaceSelector] || peer.NamespaceSelector != nil
	}
	for _, port := range ports {
		features[EndPort] = features[EndPort] || port.EndPort != nil
		features[NamedPort] = features[NamedPort] || (port.Port != nil && port.Port.StrVal != "")
	}
}
