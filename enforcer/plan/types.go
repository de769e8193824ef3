package plan

import (
	"math/bits"

	"github.com/netassay/netassay/model"
)

// SetKind is what the members of a set are.
type SetKind uint8

// The kinds that plans use. There are no sets of sets and no exceptions within a set
// (research: leaked references and wrong unions).
const (
	_         SetKind = iota // of a set that no plan has
	Addresses                // single addresses
	Prefixes
	AddressPorts // an address, a protocol and a port
	Links        // network interfaces
)

// Role says what a set is for; the order of a sync depends on it.
type Role string

// The roles.
const (
	RoleIsolation Role = "isolation" // local pods that some policy isolates, per namespace and direction
	RoleSubject   Role = "subject"   // local pods that a policy's podSelector selects
	RolePeer      Role = "peer"      // pods that a peer selector selects, cluster-wide
	RoleNamedPort Role = "port"      // (pod IP, protocol:port) that a named port resolves to
	RoleBlock     Role = "block"     // addresses of ipBlocks, excepts subtracted; immutable
	RoleKnown     Role = "known"     // local addresses of pods that have been seen; what else is in the node's podCIDRs is closed
	RoleOwn       Role = "own"       // all addresses of local pods
	RoleLink      Role = "link"      // interfaces that lead to local pods
	RoleClosed    Role = "closed"    // of these, those of pods that are isolated, per direction
)

// Roles are all of them, in a fixed order.
func Roles() []Role {
	return []Role{RoleIsolation, RoleSubject, RolePeer, RoleNamedPort, RoleBlock, RoleKnown, RoleOwn, RoleLink, RoleClosed}
}

// Forbids reports whether membership forbids packets, rather than permits them.
func (r Role) Forbids() bool { return r == RoleIsolation || r == RoleLink || r == RoleClosed }

// Set is a desired set of one family. Members are sorted and unique. A set whose role is
// RoleBlock is immutable: its name is the hash of its members.
type Set struct {
	Name    SetName
	Role    Role
	Kind    SetKind
	Family  model.Family
	Members []Member
}

// Chain is a desired chain of one family, with all its rules in order.
type Chain struct {
	Name  ChainName
	Rules []Rule
}

// FamilyPlan is everything that the kernel of one node should hold for one family: the
// fixed skeleton and one chain per namespace and direction with locally isolated pods.
// Sets and chains are sorted by name.
type FamilyPlan struct {
	Family model.Family
	Sets   []Set
	Chains []Chain
	Hooks  []Hook
}

// Hook is where packets enter a chain of the plan.
type Hook struct {
	From Path
	To   ChainName
}

// Path is a packet's way through the node.
type Path uint8

// The paths that are policed.
const (
	Forwarded Path = iota // between pods and others
	ToNode                // to the node itself
	Entering              // by an interface of the node, wherever to
)

// Problem is a piece of a policy that could not be translated. The pods that the policy
// selects stay isolated and the piece allows nothing: an error is never an allow.
type Problem struct {
	Namespace string
	Policy    string
	Field     string // e.g. "spec.ingress[0].from[1].ipBlock.cidr"
	Detail    string // one sentence with the cure
}

// Plan is the desired kernel state of one node. The same Snapshot always gives the same
// Plan, byte for byte.
type Plan struct {
	IPv4     FamilyPlan
	IPv6     FamilyPlan
	Problems []Problem
	Policies int // that select a pod of the node
}

// Families are the plan's two families.
func (p Plan) Families() []FamilyPlan { return []FamilyPlan{p.IPv4, p.IPv6} }

// Members counts the members of all sets.
func (p FamilyPlan) Members() int {
	n := 0
	for _, s := range p.Sets {
		n += len(s.Members)
	}
	return n
}

// MaxElem is the capacity to create the set with: twice its size rounded up to a power of
// two, and at least the kernel's default. A mutable set's name depends on it, so a set that
// outgrows its capacity becomes a new set and its rules are pointed at that.
func (s Set) MaxElem() int { return maxElem(len(s.Members)) }

func maxElem(n int) int {
	const smallest = 65536
	if 2*n <= smallest {
		return smallest
	}
	return 1 << bits.Len(uint(2*n-1))
}
