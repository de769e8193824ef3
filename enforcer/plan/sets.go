package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/netip"
	"strconv"

	"github.com/netassay/netassay/model"
)

// families are the two families, in the order of everything that loops over them.
var families = [...]Family{IPv4, IPv6}

// index is 0 for IPv4 and 1 for IPv6.
func (f Family) index() int {
	if f == IPv6 {
		return 1
	}
	return 0
}

// digit is how the family shows in a set's name.
func (f Family) digit() string { return [...]string{"4", "6"}[f.index()] }

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// letter is how the role shows in a set's name.
func (r Role) letter() string {
	if r == RoleNamedPort {
		return "n" // for name, as "p" is a peer
	}
	return string(r[:1])
}

// mutable reports whether pod events change the members of sets with this role. Their names
// come from what they are for, those of immutable sets from what they hold.
func (r Role) mutable() bool { return r != RoleBlock }

// set is one logical set; its two families become two ipsets.
type set struct {
	role    Role
	kind    SetKind
	key     string // what it is for, in words that are equal for equal purposes
	members [2][]Member
	names   [2]string
	digests [2]string   // the content of members that are sorted already; "": they are not
	cluster *clusterSet // whose members these are, sorted; nil: its own
}

func (s *set) addPod(p *model.Pod) {
	for _, ip := range p.IPs {
		s.add(HostMember(ip))
	}
}

func (s *set) add(m Member) {
	i := familyOf(m.Addr()).index()
	s.members[i] = append(s.members[i], m)
}

// empty reports whether a rule that needs this set can be left out: an immutable set that
// holds nothing will never match.
func (s *set) empty(f Family) bool { return !s.role.mutable() && len(s.members[f.index()]) == 0 }

// seal sorts the members and names the ipsets. Nothing may be added afterwards.
func (s *set) seal(n namer) {
	for _, f := range families {
		if s.cluster == nil && s.digests[f.index()] == "" {
			s.members[f.index()] = sortMembers(s.members[f.index()])
		}
		s.names[f.index()] = n.name(SetPrefix+s.role.letter()+f.digit()+"-", s.nameKey(f))
	}
	if s.cluster != nil {
		s.cluster.names = s.names
	}
}

// nameKey includes the capacity of a set that has outgrown the usual one, so that such a
// set gets a new name, and its rules with it.
func (s *set) nameKey(f Family) string {
	members := s.members[f.index()]
	key := "set " + string(s.role) + " " + string(f) + " "
	if digest := s.digests[f.index()]; digest != "" {
		return key + digest
	}
	if !s.role.mutable() {
		return key + content(members)
	}
	if c := maxElem(len(members)); c > maxElem(0) {
		key += strconv.Itoa(c) + " "
	}
	return key + s.key
}

// content digests the members, so that keys stay short however large a set is.
func content(members []Member) string {
	h := sha256.New()
	var line []byte
	for _, m := range members {
		line = m.Prefix().AppendTo(line[:0])
		line = append(line, ' ')
		line = append(line, m.Protocol()...)
		line = append(line, ' ')
		line = strconv.AppendUint(line, uint64(m.Port()), 10)
		h.Write(append(line, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// registry holds every logical set of a compilation, one per role and key.
type registry struct {
	byKey map[string]*set
	order []*set
}

func newRegistry() registry { return registry{byKey: map[string]*set{}} }

// pods returns the set of the pods' addresses, made at its first use.
func (r *registry) pods(role Role, key string, pods iter.Seq[*model.Pod]) *set {
	return r.get(role, HashIP, key, func(s *set) {
		for p := range pods {
			s.addPod(p)
		}
	})
}

func (r *registry) get(role Role, kind SetKind, key string, fill func(*set)) *set {
	id := string(role) + " " + key
	if s, ok := r.byKey[id]; ok {
		return s
	}
	s := &set{role: role, kind: kind, key: key}
	if fill != nil {
		fill(s)
	}
	r.byKey[id] = s
	r.order = append(r.order, s)
	return s
}

// addPort adds what a named port resolves to on one pod.
func (s *set) addPort(p *model.Pod, n namedPort) {
	for _, port := range p.Ports {
		if port.Name != n.name || port.Protocol != n.protocol {
			continue
		}
		for _, ip := range p.IPs {
			if m, ok := PortMember(netip.PrefixFrom(ip, ip.BitLen()), protocolName(n.protocol), port.Number); ok {
				s.add(m)
			}
		}
	}
}
