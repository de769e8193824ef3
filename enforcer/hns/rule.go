package hns

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/netassay/netassay/enforcer/plan"
)

// meaning is a line of a namespace's chain, as far as it is about one endpoint.
type meaning struct {
	note   plan.Note
	remote netipx.IPSetBuilder
	ports  *plan.Ports   // nil: all
	named  []plan.Member // ports that a name resolves to, each with whose they are; nil: the line has no name
	never  bool          // the line is not about the endpoint
}

// rule adds the ACLs of a line.
func (r *renderer) rule(match plan.Match, direction string) {
	m := meaning{}
	m.remote.AddPrefix(all(r.family))
	local := plan.Destination
	if direction == out {
		local = plan.Source
	}
	for _, c := range match {
		r.condition(&m, c, local)
	}
	if m.never {
		return
	}
	remote, err := m.remote.IPSet()
	if err != nil || len(remote.Ranges()) == 0 {
		return
	}
	acl := ACL{Action: allow, Direction: direction, RemoteAddresses: joined(remote.Prefixes()), Priority: allowed}
	switch {
	case m.named != nil:
		r.named(m, acl, remote)
	case m.ports != nil:
		r.numeric(m, acl)
	default:
		r.add(acl)
	}
}

// condition takes one condition into account; local is which part of a packet is the endpoint.
func (r *renderer) condition(m *meaning, c plan.Condition, local plan.Part) {
	switch c := c.(type) {
	case plan.Note:
		m.note = c
	case plan.InSet:
		switch {
		case c.Part == plan.DestinationPort:
			m.named = append([]plan.Member{}, r.sets[c.Set].Members...)
		case c.Part == local:
			m.never = m.never || !r.holds(c)
		case c.Not:
			m.remote.RemoveSet(prefixes(r.sets[c.Set]))
		default:
			m.remote.Intersect(prefixes(r.sets[c.Set]))
		}
	case plan.InPrefix:
		var b netipx.IPSetBuilder
		b.AddPrefix(c.Prefix)
		one, _ := b.IPSet() // the prefix is valid
		m.remote.Intersect(one)
	case plan.Ports:
		m.ports = &c
	default: // what no line of a namespace's chain has: nobody knows what it would allow
		m.never = true
	}
}

// numeric adds a line with ports by number.
func (r *renderer) numeric(m meaning, acl ACL) {
	if acl.Protocols = r.protocol(m.note, m.ports.Protocol); acl.Protocols == "" {
		return
	}
	setPorts(&acl, m.ports.Ranges[:m.ports.Count()])
	r.add(acl)
}

// named adds a line with ports by name: an ACL for each protocol and each list of ports that pods
// give the name to.
func (r *renderer) named(m meaning, acl ACL, remote *netipx.IPSet) {
	type port struct {
		protocol plan.Protocol
		number   uint16
	}
	owners := map[port][]netip.Prefix{}
	var order []port
	for _, member := range m.named {
		at := port{member.Protocol(), member.Port()}
		mine := acl.Direction == in && member.Addr() == r.ip
		if !mine && (acl.Direction == in || !remote.Contains(member.Addr())) {
			continue
		}
		if owners[at] == nil {
			order = append(order, at)
		}
		owners[at] = append(owners[at], member.Prefix())
	}
	slices.SortFunc(order, func(a, b port) int {
		return cmp.Or(cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.number, b.number))
	})
	for _, at := range order {
		one := acl
		if one.Protocols = r.protocol(m.note, at.protocol); one.Protocols == "" {
			continue
		}
		if acl.Direction == out {
			one.RemoteAddresses = joined(owners[at])
		}
		setPorts(&one, []plan.PortRange{{First: at.number, Last: at.number}})
		r.add(one)
	}
}

// setPorts are the server's: the endpoint's own of what comes in, the other end's of what goes out.
func setPorts(acl *ACL, ranges []plan.PortRange) {
	if acl.Direction == in {
		acl.LocalPorts = portText(ranges)
	} else {
		acl.RemotePorts = portText(ranges)
	}
}

// protocol is a protocol's number, "" for what ACLs can't say, which is noted.
func (r *renderer) protocol(note plan.Note, p plan.Protocol) string {
	number, ok := protocolNumbers[p]
	if !ok {
		r.problems = append(r.problems, Problem{note.About, note.Field, "the Host Network Service does not filter " + p.String() + ": the rule allows nothing of it"})
	}
	return number
}
