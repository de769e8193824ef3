package inventory

import (
	"cmp"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ServiceFromAPI reduces a Service to what traffic and policies can meet of it. What the API
// server would have refused is left out.
func ServiceFromAPI(s *corev1.Service) Service {
	out := Service{
		Namespace: s.Namespace, Name: s.Name, Selector: s.Spec.Selector,
		Type:                  cmp.Or(s.Spec.Type, corev1.ServiceTypeClusterIP),
		ExternalTrafficPolicy: s.Spec.ExternalTrafficPolicy,
	}
	clusterIPs := s.Spec.ClusterIPs
	if len(clusterIPs) == 0 {
		clusterIPs = []string{s.Spec.ClusterIP}
	}
	out.ClusterIPs = addresses(clusterIPs)
	external := s.Spec.ExternalIPs
	for _, in := range s.Status.LoadBalancer.Ingress {
		external = append(external, in.IP)
	}
	out.ExternalIPs = addresses(external)
	for _, text := range s.Spec.LoadBalancerSourceRanges {
		if p, err := netip.ParsePrefix(text); err == nil {
			out.SourceRanges = append(out.SourceRanges, p.Masked())
		}
	}
	for _, p := range s.Spec.Ports {
		out.Ports = append(out.Ports, servicePort(p))
	}
	return out
}

func servicePort(p corev1.ServicePort) ServicePort {
	target := p.TargetPort
	if target == (intstr.IntOrString{}) {
		target = intstr.FromInt32(p.Port)
	}
	return ServicePort{
		Name: p.Name, Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP), Port: uint16(p.Port),
		Target: target, NodePort: uint16(p.NodePort),
	}
}

// addresses leaves out what is none: "None" of a headless Service, and "".
func addresses(texts []string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}
