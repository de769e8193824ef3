package oracle

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

// matchingPort names the first port of a rule that the flow matches.
//
// API: "Each item in this list is combined using a logical OR. If this field is empty or
// missing, this rule matches all ports (traffic not restricted by port)." All ports means
// all protocols too.
func matchingPort(ports []netv1.NetworkPolicyPort, f model.Flow, server *model.Pod) (string, bool) {
	if len(ports) == 0 {
		return "", true
	}
	for i := range ports {
		if matchesPort(&ports[i], f, server) {
			return fmt.Sprintf(" port %d", i), true
		}
	}
	return "", false
}

func matchesPort(p *netv1.NetworkPolicyPort, f model.Flow, server *model.Pod) bool {
	// API: "protocol represents the protocol (TCP, UDP, or SCTP) which traffic must
	// match. If not specified, this field defaults to TCP."
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	if protocol != f.Protocol {
		return false
	}
	switch {
	// API: "port represents the port on the given protocol. [...] If this field is not
	// provided, this matches all port names and numbers." And of endPort: it "cannot be
	// defined if the port field is not defined".
	case p.Port == nil:
		return p.EndPort == nil

	// API: "This can either be a numerical or named port on a pod." And of endPort: it
	// can't be defined "if the port field is defined as a named (string) port".
	case p.Port.Type == intstr.String:
		return p.EndPort == nil && p.Port.StrVal != "" && serves(server, p.Port.StrVal, protocol, f.Port)

	// API: "endPort indicates that the range of ports from port to endPort if set,
	// inclusive, should be allowed by the policy." A range that ends where no port is, or
	// begins there, is none: the API server refuses it.
	case p.EndPort != nil:
		return isPort(p.Port.IntVal) && isPort(*p.EndPort) && p.Port.IntVal <= int32(f.Port) && int32(f.Port) <= *p.EndPort

	// API: "If present, only traffic on the specified protocol AND port will be matched."
	default:
		return p.Port.IntVal == int32(f.Port)
	}
}

func isPort(n int32) bool { return 1 <= n && n <= 65535 }

// serves reports whether the destination pod declares this number under this name and
// protocol. The name is always looked up on the destination, for egress too: the client's
// own ports have nothing to do with where it connects to. Outside of pods no name means
// anything, and a name that resolves to nothing allows nothing.
func serves(server *model.Pod, name string, protocol corev1.Protocol, number uint16) bool {
	return server != nil && slices.Contains(server.Ports, model.Port{Name: name, Number: number, Protocol: protocol})
}
