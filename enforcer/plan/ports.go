package plan

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ports is one group of destination ports. The zero value matches every packet.
type ports struct {
	numeric Condition // Ports; nil with a named port, and of every port of every protocol
	named   *set      // what a named port resolves to on the pods that may be the destination
}

func (r PortRange) slots() int {
	if r.First == r.Last {
		return 1
	}
	return 2
}

// portList is a rule's ports after checking, in the order in which they become lines.
type portList struct {
	numeric []Condition // of ports
	named   []namedPort
}

// namedPort is resolved on the destination pod, once it is known which pods those can be.
type namedPort struct {
	name     string
	protocol corev1.Protocol
}

// protocols are those that NetworkPolicy defines, in the order in which they become lines.
var protocols = [...]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

// protocolOf are the same as they are spelled in rules and members.
var protocolOf = map[corev1.Protocol]Protocol{corev1.ProtocolTCP: TCP, corev1.ProtocolUDP: UDP, corev1.ProtocolSCTP: SCTP}

// parsePorts checks and groups the ports of one rule. A rule without ports covers every
// port of every protocol. An entry that cannot be translated is reported and covers
// nothing; it never widens the rule.
func (c *compiler) parsePorts(field string, list []netv1.NetworkPolicyPort) portList {
	if len(list) == 0 {
		return portList{numeric: []Condition{nil}}
	}
	ranges := map[corev1.Protocol][]PortRange{}
	whole := map[corev1.Protocol]bool{}
	var named []namedPort
	for i, p := range list {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !slices.Contains(protocols[:], protocol):
			c.problem(at+".protocol", "%q is not a protocol of NetworkPolicy: use TCP, UDP or SCTP", protocol)
		case p.Port == nil && p.EndPort != nil:
			c.problem(at+".endPort", "endPort without port: give the first port of the range")
		case p.Port == nil:
			whole[protocol] = true
		case p.Port.Type == intstr.String:
			if c.checkNamed(at, p) {
				named = append(named, namedPort{p.Port.StrVal, protocol})
			}
		default:
			if r, ok := c.parseRange(at, p); ok {
				ranges[protocol] = append(ranges[protocol], r)
			}
		}
	}
	return portList{numeric: group(whole, ranges), named: sortNamed(named)}
}

func (c *compiler) checkNamed(field string, p netv1.NetworkPolicyPort) bool {
	if p.EndPort != nil {
		c.problem(field+".endPort", "endPort with a named port: give a number as port")
		return false
	}
	if p.Port.StrVal == "" {
		c.problem(field+".port", "the port's name is empty: give a name or a number")
		return false
	}
	return true
}

func (c *compiler) parseRange(field string, p netv1.NetworkPolicyPort) (PortRange, bool) {
	first := p.Port.IntVal
	last := first
	if p.EndPort != nil {
		last = *p.EndPort
	}
	switch {
	case first < 1 || first > 65535:
		c.problem(field+".port", "%d is not a port: use 1 to 65535", first)
	case last > 65535:
		c.problem(field+".endPort", "%d is not a port: use 1 to 65535", last)
	case last < first:
		c.problem(field+".endPort", "%d is below port %d: endPort must be equal or greater", last, first)
	default:
		return PortRange{uint16(first), uint16(last)}, true
	}
	return PortRange{}, false
}

// group makes as few lines as the kernel allows: one per protocol and MaxSlots.
func group(whole map[corev1.Protocol]bool, ranges map[corev1.Protocol][]PortRange) []Condition {
	var out []Condition
	for _, protocol := range protocols {
		if whole[protocol] {
			out = append(out, Ports{Protocol: protocolOf[protocol]})
			continue
		}
		for _, chunk := range chunks(merge(ranges[protocol])) {
			p := Ports{Protocol: protocolOf[protocol]}
			copy(p.Ranges[:], chunk)
			out = append(out, p)
		}
	}
	return out
}

// merge sorts ranges and joins those that overlap or touch.
func merge(ranges []PortRange) []PortRange {
	slices.SortFunc(ranges, func(a, b PortRange) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	var out []PortRange
	for _, r := range ranges {
		if n := len(out); n > 0 && int(r.First) <= int(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

func chunks(ranges []PortRange) [][]PortRange {
	var out [][]PortRange
	used := MaxSlots
	for _, r := range ranges {
		if used+r.slots() > MaxSlots {
			out = append(out, nil)
			used = 0
		}
		out[len(out)-1] = append(out[len(out)-1], r)
		used += r.slots()
	}
	return out
}

func sortNamed(named []namedPort) []namedPort {
	slices.SortFunc(named, func(a, b namedPort) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.protocol, b.protocol))
	})
	return slices.Compact(named)
}
