package cases

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// meansNever checks that a step can hold what an expectation says of a new pod's first
// instant: the pod is of this step, its policies are of an earlier one, and there is a
// datagram to be sent.
func (p *parser) meansNever(s Step, e Expect) error {
	if !e.Never {
		return nil
	}
	created := map[string]bool{}
	for _, a := range s.Do {
		effect := EffectOf(a)
		if effect.Creates == "" && !effect.EndsPods {
			return fmt.Errorf("never: %s is done in the same step, and need not be in force when the pod starts; do it in an earlier one", a)
		}
		created[effect.Creates] = true
	}
	keys := p.fakes[0].keys()
	for _, client := range keys {
		for _, server := range keys {
			if matchesAny(e.Clients, client) && matchesAny(e.Servers, server) && !created[client] && !created[server] {
				return fmt.Errorf("never is for pods that the step creates, which neither %s nor %s is; use deny", client, server)
			}
		}
	}
	for _, probe := range p.kase.Probes {
		watched := len(e.Ports) == 0 || slices.ContainsFunc(e.Ports, func(pp PortPattern) bool { return pp.matches(probe) })
		if watched && probe.Protocol == corev1.ProtocolUDP {
			return nil
		}
	}
	return errors.New("never is watched by one-way datagrams; probe a port of UDP, such as 80/UDP")
}
