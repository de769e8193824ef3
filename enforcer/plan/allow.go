package plan

import (
	"net/netip"

	"github.com/netassay/netassay/model"
)

// direction is a policy type.
type direction int

const (
	ingress direction = iota
	egress
)

// String is the direction as it is spelled in field names and keys.
func (d direction) String() string { return [...]string{"ingress", "egress"}[d] }

// subject and peer say on which end of a packet the words of the specification sit.
func (d direction) subject() Part { return [...]Part{Destination, Source}[d] }
func (d direction) peer() Part    { return [...]Part{Source, Destination}[d] }

// dispatch is the fixed chain that leads to the direction's namespace chains.
func (d direction) dispatch() ChainName { return [...]ChainName{ChainIngress, ChainEgress}[d] }

// allow is one line of a namespace chain: a flow that matches all of it passes.
type allow struct {
	subjects *set // nil: every pod that the chain is entered for
	peer     peer
	ports    ports
	note     Note // which rule of which policy it comes from
}

// peer is one thing to match at the other end. The zero value matches everything.
type peer struct {
	set     *set         // pods or addresses; nil: see cidr
	cidr    netip.Prefix // one ipBlock whose excepts would need too many prefixes
	excepts *set         // goes with cidr
}

// in reports whether the peer can match in a family at all.
func (p peer) in(f model.Family) bool {
	if p.set != nil {
		return !p.set.empty(f)
	}
	return !p.cidr.IsValid() || model.FamilyOf(p.cidr.Addr()) == f
}

// mostConditions is how many conditions a line can have beside its note: the subjects, a
// block and its excepts, and the ports.
const mostConditions = 4

// conditions appends what the line looks for in a family to m. ok is false when the line
// could never match there.
func (a allow) conditions(m Match, d direction, f model.Family) (_ Match, ok bool) {
	if !a.peer.in(f) {
		return m, false
	}
	if a.subjects != nil {
		m = append(m, a.subjects.holds(f, d.subject()))
	}
	m = a.peer.conditions(m, d.peer(), f)
	switch {
	case a.ports.named != nil:
		m = append(m, a.ports.named.holds(f, DestinationPort))
	case a.ports.numeric != nil:
		m = append(m, a.ports.numeric)
	}
	return m, true
}

// conditions appends the peer's to m.
func (p peer) conditions(m Match, part Part, f model.Family) Match {
	if p.set != nil {
		return append(m, p.set.holds(f, part))
	}
	if !p.cidr.IsValid() {
		return m
	}
	if p.cidr.Bits() > 0 {
		m = append(m, InPrefix{Prefix: p.cidr, Part: part})
	}
	if !p.excepts.empty(f) {
		m = append(m, p.excepts.lacks(f, part))
	}
	return m
}

func (s *set) holds(f model.Family, part Part) InSet {
	return InSet{Set: s.names[index(f)], Part: part}
}

func (s *set) lacks(f model.Family, part Part) InSet {
	return InSet{Set: s.names[index(f)], Part: part, Not: true}
}
