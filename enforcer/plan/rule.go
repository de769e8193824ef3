package plan

import (
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
)

// Rule is one rule of a chain. A packet that it matches meets its verdict, or goes on to
// the chain's next rule after a chain that the verdict led to has returned it.
type Rule struct {
	Match   Match
	Verdict Verdict
}

// Match is all that a packet must meet; every packet meets an empty one.
type Match []Condition

// Condition is one thing to look for in a packet: a Note, InSet, InPrefix, Ports, Tracked,
// Forged, ToItself, HopLimit or ICMPv6. Conditions are comparable.
type Condition interface{ condition() }

// Note is met by every packet and tells people whose rule it is.
type Note struct {
	About string // a namespace, a policy as namespace/name, or UnknownPod
	Field string // the policy's rule, e.g. "spec.ingress[0]"; "" for no single one
}

// ForgedSource is what the rules that drop packets with a source that is not the sender's are
// about, ForeignAddress those for addresses that the API does not know of, such as link-local
// ones.
const (
	ForgedSource   = "forged-source"
	ForeignAddress = "foreign-address"
	OwnService     = "own-service" // those that let a pod reach itself
)

// UnknownPod is what the rules that drop unknown pods' packets are about.
const UnknownPod = "unknown-pod"

// InSet is a set that holds a part of the packet, or does not.
type InSet struct {
	Set  SetName
	Part Part
	Not  bool
}

// InPrefix is a prefix that holds an address of the packet.
type InPrefix struct {
	Prefix netip.Prefix
	Part   Part // Source or Destination
}

// Part is what of a packet is looked at.
type Part uint8

// The parts.
const (
	Source          Part = iota // its source address
	Destination                 // its destination address
	DestinationPort             // its destination address, protocol and port
	Incoming                    // the interface by which it came
	Outgoing                    // the interface by which it leaves
)

// Protocol is a transport protocol that NetworkPolicy defines.
type Protocol uint8

// The protocols, in the order of members.
const (
	AnyProtocol Protocol = iota
	SCTP
	TCP
	UDP
)

// MaxSlots is how many ports the kernel compares with in one rule; a range counts as two.
const MaxSlots = 15

// Ports are destination ports of a protocol, all of them if there are no ranges.
type Ports struct {
	Protocol Protocol
	Ranges   [MaxSlots]PortRange // sorted; those that are not used are zero
}

// PortRange is all ports from First to Last.
type PortRange struct{ First, Last uint16 }

// Tracked is what is known of the flow that a packet belongs to.
type Tracked uint8

// What can be known.
const (
	KnownOrRelated Tracked = iota // the flow, or one that it belongs to, has been seen
	Related                       // it belongs to a flow that has been seen, as errors do
	ReplyOfKnown                  // the flow has been seen, and this is a reply
)

// Forged is met by a packet whose source the node would send to by another interface than
// the one that the packet came by.
type Forged struct{}

// ToItself is met by a packet of a family whose source and destination are one address.
type ToItself struct{ Family model.Family }

// HopLimit is how many routers an IPv6 packet may still pass.
type HopLimit uint8

// ICMPv6 is a type of ICMPv6 message.
type ICMPv6 uint8

func (Note) condition()     {}
func (InSet) condition()    {}
func (InPrefix) condition() {}
func (Ports) condition()    {}
func (Tracked) condition()  {}
func (Forged) condition()   {}
func (ToItself) condition() {}
func (HopLimit) condition() {}
func (ICMPv6) condition()   {}

// Verdict is what becomes of a packet that a rule matches: Return, Drop or Jump. No
// rule accepts a packet: those of other programs have a say too.
type Verdict interface{ verdict() }

// Return sends a packet back to where this chain was entered from.
type Return struct{}

// Drop is the end of a packet.
type Drop struct{}

// Jump sends a packet through another chain, and then on.
type Jump struct{ To ChainName }

func (Return) verdict() {}
func (Drop) verdict()   {}
func (Jump) verdict()   {}

// Count is how many ranges there are.
func (p Ports) Count() int {
	if n := slices.Index(p.Ranges[:], PortRange{}); n >= 0 {
		return n
	}
	return len(p.Ranges)
}

// String is the protocol in lower case, "" for AnyProtocol.
func (p Protocol) String() string { return [...]string{"", "sctp", "tcp", "udp"}[p] }
