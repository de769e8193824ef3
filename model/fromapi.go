package model

import (
	"cmp"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// PodFromAPI reduces an API pod to what policies can see. ok is false when the pod is
// terminal (Succeeded or Failed): such a pod owns no IP any more, even though its status
// still shows one (https://github.com/Azure/azure-container-networking/issues/562).
func PodFromAPI(p *corev1.Pod) (pod Pod, ok bool) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	return Pod{
		UID:         string(p.UID),
		Namespace:   p.Namespace,
		Name:        p.Name,
		Labels:      p.Labels,
		Node:        p.Spec.NodeName,
		IPs:         podIPs(p),
		HostNetwork: p.Spec.HostNetwork,
		Ports:       podPorts(&p.Spec),
	}, true
}

// NodeFromAPI keeps a node's internal and external addresses, and its pods' ranges.
func NodeFromAPI(n *corev1.Node) Node {
	node := Node{Name: n.Name}
	for _, a := range n.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil {
			node.IPs = append(node.IPs, ip.Unmap())
		}
	}
	for _, c := range n.Spec.PodCIDRs {
		if p, err := netip.ParsePrefix(c); err == nil {
			node.PodCIDRs = append(node.PodCIDRs, p.Masked())
		}
	}
	return node
}

// NamespaceFromAPI keeps a namespace's name and labels.
func NamespaceFromAPI(n *corev1.Namespace) Namespace {
	return Namespace{Name: n.Name, Labels: n.Labels}
}

// podIPs reads status.podIPs. An address that does not parse is left out: the API server
// validates them, so one can only be an address that nobody can send from.
func podIPs(p *corev1.Pod) []netip.Addr {
	var ips []netip.Addr
	for _, s := range p.Status.PodIPs {
		if ip, err := netip.ParseAddr(s.IP); err == nil {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}

// podPorts lists the ports that a named port in a policy can resolve to. Ports of
// restartable init containers (sidecars) count, as they run beside the containers
// (https://github.com/kubernetes/kubernetes/issues/125285).
func podPorts(spec *corev1.PodSpec) []Port {
	var ports []corev1.ContainerPort
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			ports = append(ports, c.Ports...)
		}
	}
	for i := range spec.Containers {
		ports = append(ports, spec.Containers[i].Ports...)
	}
	return PortsFromAPI(ports)
}

// PortsFromAPI keeps the ports that exist, with their protocol.
func PortsFromAPI(list []corev1.ContainerPort) []Port {
	var ports []Port
	for _, p := range list {
		if p.ContainerPort < 1 || p.ContainerPort > 65535 {
			continue
		}
		ports = append(ports, Port{Name: p.Name, Number: uint16(p.ContainerPort), Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
	}
	return ports
}
