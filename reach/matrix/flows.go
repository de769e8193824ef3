package matrix

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Range is ports of one protocol with one verdict.
type Range struct {
	Protocol    corev1.Protocol
	First, Last uint16
	Verdict     model.Verdict
}

// String is "80/TCP", "1-79/TCP", or "TCP" for all ports.
func (r Range) String() string {
	switch {
	case r.First == 1 && r.Last == 65535:
		return string(r.Protocol)
	case r.First == r.Last:
		return fmt.Sprintf("%d/%s", r.First, r.Protocol)
	}
	return fmt.Sprintf("%d-%d/%s", r.First, r.Last, r.Protocol)
}

// Flows are the verdicts of all ports of TCP, UDP and SCTP, in this order. They are shared: nobody
// may change them. nil: there is no such flow.
type Flows []Range

// At is the verdict of one port.
func (f Flows) At(protocol corev1.Protocol, port uint16) model.Verdict {
	for _, r := range f {
		if r.Protocol == protocol && r.First <= port && port <= r.Last {
			return r.Verdict
		}
	}
	return model.Undefined
}

// Only are the ranges with a verdict.
func (f Flows) Only(v model.Verdict) Flows {
	var out Flows
	for _, r := range f {
		if r.Verdict == v {
			out = append(out, r)
		}
	}
	return out
}

// All reports whether every port has the verdict.
func (f Flows) All(v model.Verdict) bool { return len(f) > 0 && len(f.Only(v)) == len(f) }

// String lists the ranges, without verdicts.
func (f Flows) String() string {
	texts := make([]string, len(f))
	for i, r := range f {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// half is what one side decides of all ports.
type half struct{ ranges []decided }

type decided struct {
	protocol    corev1.Protocol
	first, last uint16
	decision    oracle.Decision
}

// protocols are those that policies can name.
func protocols() []corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
}

// Flows are the verdicts of all flows from one class to another in a family.
func (m *Matrix) Flows(from, to int, f model.Family) Flows {
	client, server, ok := m.endsOf(from, to, f)
	if !ok {
		return nil
	}
	egress := m.half(from, to, netv1.PolicyTypeEgress, client, server, f)
	ingress := m.half(to, from, netv1.PolicyTypeIngress, client, server, f)
	key := [2]*half{egress, ingress}
	flows, ok := m.combined[key]
	if !ok {
		flows = combine(egress, ingress)
		m.combined[key] = flows
	}
	return flows
}

// half is what the policies on a subject, at one end, say of its flows with a peer.
func (m *Matrix) half(subject, peer int, direction netv1.PolicyType, client, server end, f model.Family) *half {
	other := server
	if direction == netv1.PolicyTypeIngress {
		other = client
	}
	var s *side
	var key [2]string
	if m.Classes[subject].Kind == Pods {
		s = m.sideOf(subject, direction)
		key = [2]string{s.sees(m, peer, other, f), s.named(server.pod)}
	} else { // whom no policy selects
		s = m.sides[sideID{direction, "nobody"}]
		if s == nil {
			s = newSide("", direction, nil)
			m.sides[sideID{direction, "nobody"}] = s
		}
	}
	h := s.halves[key]
	if h == nil {
		h = m.decide(s, client, server)
		s.halves[key] = h
	}
	return h
}

// decide asks the oracle of one flow for each range of ports that the side's policies tell apart.
func (m *Matrix) decide(s *side, client, server end) *half {
	h := &half{}
	for _, protocol := range protocols() {
		edges := s.edges(protocol, server.pod)
		for i, first := range edges {
			last := uint16(65535)
			if i+1 < len(edges) {
				last = edges[i+1] - 1
			}
			egress, ingress := m.ask(client, server, Flow{Protocol: protocol, Port: first}, s.policies)
			d := ingress
			if s.direction == netv1.PolicyTypeEgress {
				d = egress
			}
			h.add(decided{protocol, first, last, d})
		}
	}
	return h
}

// add makes the last range longer where nothing changes.
func (h *half) add(d decided) {
	if n := len(h.ranges); n > 0 {
		if last := &h.ranges[n-1]; last.protocol == d.protocol && last.decision.Verdict == d.decision.Verdict {
			last.last = d.last
			return
		}
	}
	h.ranges = append(h.ranges, d)
}

// combine is what two sides decide together, by the oracle's word.
func combine(egress, ingress *half) Flows {
	var out Flows
	i, j := 0, 0
	for i < len(egress.ranges) && j < len(ingress.ranges) {
		a, b := &egress.ranges[i], &ingress.ranges[j]
		r := Range{a.protocol, max(a.first, b.first), min(a.last, b.last), oracle.Both(a.decision, b.decision).Verdict}
		if n := len(out); n > 0 && out[n-1].Protocol == r.Protocol && out[n-1].Verdict == r.Verdict {
			out[n-1].Last = r.Last
		} else {
			out = append(out, r)
		}
		if a.last == r.Last {
			i++
		}
		if b.last == r.Last {
			j++
		}
	}
	return out
}
