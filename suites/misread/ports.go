package misread

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

func protocolOf(p *netv1.NetworkPolicyPort) corev1.Protocol {
	if p.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *p.Protocol
}

func onProtocol(p *netv1.NetworkPolicyPort, s side) bool { return protocolOf(p) == s.flow.Protocol }

func onNumber(p *netv1.NetworkPolicyPort, s side) bool {
	switch {
	case p.Port == nil:
		return true
	case isName(p):
		return serves(s.server, p.Port.StrVal, s.flow)
	}
	first, last := numbers(p)
	return first <= int(s.flow.Port) && int(s.flow.Port) <= last
}

func isName(p *netv1.NetworkPolicyPort) bool { return p.Port != nil && p.Port.Type == intstr.String }

func isRange(p *netv1.NetworkPolicyPort) bool { return p.EndPort != nil }

// numbers are the first and the last number of a port that has some.
func numbers(p *netv1.NetworkPolicyPort) (first, last int) {
	first, last = int(p.Port.IntVal), int(p.Port.IntVal)
	if p.EndPort != nil {
		last = int(*p.EndPort)
	}
	return first, last
}

func serves(pod *model.Pod, name string, f model.Flow) bool {
	return pod != nil && slices.Contains(pod.Ports, model.Port{Name: name, Number: f.Port, Protocol: f.Protocol})
}

// portMistake is a way to misread the entries of a list of ports that are of its kind.
type portMistake struct {
	name    string
	of      func(p *netv1.NetworkPolicyPort) bool
	matches func(p *netv1.NetworkPolicyPort, s side) bool
}

func anyPort(*netv1.NetworkPolicyPort) bool { return true }

func portMistakes() []portMistake {
	return slices.Concat(protocolMistakes(), numberMistakes(), rangeMistakes(), nameMistakes())
}

func protocolMistakes() []portMistake {
	all := []portMistake{
		{"a port is ignored, its protocol counts", anyPort, onProtocol},
		{"a port without a protocol is of all", func(p *netv1.NetworkPolicyPort) bool { return p.Protocol == nil }, onNumber},
		{"a port without a protocol is of none", func(p *netv1.NetworkPolicyPort) bool { return p.Protocol == nil }, matchesNone},
		{"a protocol alone matches nothing", func(p *netv1.NetworkPolicyPort) bool { return p.Port == nil }, matchesNone},
		{"a protocol alone matches all protocols", func(p *netv1.NetworkPolicyPort) bool { return p.Port == nil }, func(*netv1.NetworkPolicyPort, side) bool { return true }},
	}
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
		of := func(p *netv1.NetworkPolicyPort) bool { return protocolOf(p) == protocol }
		all = append(all,
			portMistake{"a " + string(protocol) + " port matches all protocols", of, onNumber},
			portMistake{"a " + string(protocol) + " port matches nothing", of, matchesNone},
		)
	}
	return all
}

func matchesNone(*netv1.NetworkPolicyPort, side) bool { return false }

func numberMistakes() []portMistake {
	single := func(p *netv1.NetworkPolicyPort) bool { return p.Port != nil && !isName(p) && !isRange(p) }
	shifted := func(by int) func(p *netv1.NetworkPolicyPort, s side) bool {
		return func(p *netv1.NetworkPolicyPort, s side) bool {
			n := int(p.Port.IntVal)
			return onProtocol(p, s) && (int(s.flow.Port) == n || int(s.flow.Port) == n+by)
		}
	}
	return []portMistake{
		{"a number matches the next one too", single, shifted(1)},
		{"a number matches the one before too", single, shifted(-1)},
		{"a number matches nothing", single, matchesNone},
	}
}

func rangeMistakes() []portMistake {
	within := func(firstBy, lastBy int) func(p *netv1.NetworkPolicyPort, s side) bool {
		return func(p *netv1.NetworkPolicyPort, s side) bool {
			first, last := numbers(p)
			return onProtocol(p, s) && first+firstBy <= int(s.flow.Port) && int(s.flow.Port) <= last+lastBy
		}
	}
	return []portMistake{
		{"endPort is ignored", isRange, func(p *netv1.NetworkPolicyPort, s side) bool {
			return onProtocol(p, s) && int(p.Port.IntVal) == int(s.flow.Port)
		}},
		{"a range is its two ends", isRange, func(p *netv1.NetworkPolicyPort, s side) bool {
			first, last := numbers(p)
			return onProtocol(p, s) && (int(s.flow.Port) == first || int(s.flow.Port) == last)
		}},
		{"a range has no upper end", isRange, within(0, 1<<16)},
		{"a range lacks its last port", isRange, within(0, -1)},
		{"a range lacks its first port", isRange, within(1, 0)},
		{"a range has one port more", isRange, within(0, 1)},
		{"a range begins one port early", isRange, within(-1, 0)},
		{"a range matches all protocols", isRange, onNumber},
		{"a range matches nothing", isRange, matchesNone},
	}
}

func nameMistakes() []portMistake {
	declared := func(s side, which func(model.Port) bool) bool {
		return s.server != nil && slices.ContainsFunc(s.server.Ports, which)
	}
	return []portMistake{
		{"a name matches nothing", isName, matchesNone},
		{"a name matches all ports of its protocol", isName, onProtocol},
		{"a name matches all ports of a pod that has it", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			return onProtocol(p, s) && declared(s, func(d model.Port) bool { return d.Name == p.Port.StrVal })
		}},
		{"a name is looked up whatever its protocol", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			return onProtocol(p, s) && declared(s, func(d model.Port) bool { return d.Name == p.Port.StrVal && d.Number == s.flow.Port })
		}},
		{"a name matches all protocols of its number", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			return declared(s, func(d model.Port) bool { return d.Name == p.Port.StrVal && d.Number == s.flow.Port })
		}},
		{"a name is looked up at the client", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			return onProtocol(p, s) && serves(s.client, p.Port.StrVal, s.flow)
		}},
		{"a name has the number that some pod gives it", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			return onProtocol(p, s) && slices.ContainsFunc(s.state.Pods, func(pod model.Pod) bool { return serves(&pod, p.Port.StrVal, s.flow) })
		}},
		{"a name has the first number that a pod gives it", isName, func(p *netv1.NetworkPolicyPort, s side) bool {
			if s.server == nil || !onProtocol(p, s) {
				return false
			}
			i := slices.IndexFunc(s.server.Ports, func(d model.Port) bool { return d.Name == p.Port.StrVal })
			return i >= 0 && s.server.Ports[i].Number == s.flow.Port
		}},
	}
}

// ofPorts are the readings with a mistake of ports, in each direction.
func ofPorts() []*Reading {
	var all []*Reading
	for _, d := range directions() {
		for _, m := range portMistakes() {
			r := named(d, m.name)
			right := r.port
			r.port = func(p *netv1.NetworkPolicyPort, s side) bool {
				if s.direction == d && m.of(p) {
					return m.matches(p, s)
				}
				return right(p, s)
			}
			all = append(all, r)
		}
	}
	return all
}
