package plan

import "math/bits"

// Family is an IP family in the words of ipset and iptables.
type Family string

// The families.
const (
	IPv4 Family = "inet"
	IPv6 Family = "inet6"
)

// SetKind is an ipset type.
type SetKind string

// The kinds that plans use. There is no list:set and no nomatch (research: leaked
// references and wrong unions).
const (
	HashIP     SetKind = "hash:ip"
	HashNet    SetKind = "hash:net"
	HashIPPort SetKind = "hash:ip,port"
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
)

// Roles are all of them, in a fixed order.
func Roles() []Role {
	return []Role{RoleIsolation, RoleSubject, RolePeer, RoleNamedPort, RoleBlock, RoleKnown}
}

// Set is a desired ipset of one family. Members are sorted and unique. A set whose role
// is RoleBlock is immutable: its name is the hash of its members.
type Set struct {
	Name    string // ≤ 31 bytes, starts with Prefix
	Role    Role
	Kind    SetKind
	Family  Family
	Members []Member
}

// Chain is a desired chain of the mangle table of one family, with all its rules in
// order. Rules are match expressions and targets as iptables-restore reads them, without
// the leading "-A CHAIN", e.g. "-m set --match-set npe-... src -j RETURN".
type Chain struct {
	Name  string // ≤ 28 bytes, starts with ChainPrefix
	Rules []string
}

// FamilyPlan is everything that the kernel of one node should hold for one family: the
// fixed skeleton and one chain per namespace and direction with locally isolated pods.
// Sets and chains are sorted by name.
type FamilyPlan struct {
	Family Family
	Sets   []Set
	Chains []Chain
	Hooks  []Hook
}

// Hook is a jump from a built-in chain of the mangle table into ours.
type Hook struct {
	From string // FORWARD or INPUT
	To   string
}

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

// MaxElem is the capacity to create the set with: twice its size rounded up to a power of
// two, and at least ipset's default. A mutable set's name depends on it, so a set that
// outgrows its capacity becomes a new set and its rules are pointed at that.
func (s Set) MaxElem() int { return maxElem(len(s.Members)) }

func maxElem(n int) int {
	const smallest = 65536
	if 2*n <= smallest {
		return smallest
	}
	return 1 << bits.Len(uint(2*n-1))
}
