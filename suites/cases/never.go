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
	frees := slices.ContainsFunc(s.Do, func(a Action) bool { return EffectOf(a).EndsPods })
	for _, a := range s.Do {
		effect := EffectOf(a)
		if create, ok := a.(CreatePod); ok && create.AddressOf != "" && frees {
			return fmt.Errorf("never: the address of %s is freed in the same step, of which an engine may hear too late for %s; do it in an earlier one", create.AddressOf, create.Key())
		}
		if effect.Creates == "" && !effect.EndsPods {
			return fmt.Errorf("never: %s is done in the same step, and need not be in force when the pod starts; do it in an earlier one", a)
		}
		created[effect.Creates] = !p.fakes[0].onHost(effect.Creates)
	}
	keys := p.fakes[0].keys()
	for _, client := range keys {
		for _, server := range keys {
			if matchesAny(e.Clients, client) && matchesAny(e.Servers, server) && !created[client] && !created[server] {
				return fmt.Errorf("never is for pods that the step creates, with a network of their own, which neither %s nor %s is; use deny", client, server)
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
