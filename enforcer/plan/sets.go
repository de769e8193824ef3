package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"

	"github.com/netassay/netassay/model"
)

// families are the two families, in the order of everything that loops over them.
var families = [...]model.Family{model.IPv4, model.IPv6}

// index is a family's place in families.
func index(f model.Family) int {
	if f == model.IPv6 {
		return 1
	}
	return 0
}

// How the families show in a set's name, and in the key that the name is the hash of.
// Neither may change: with it would the names of all sets, on each node that is updated.
var (
	familyDigits = [...]string{"4", "6"}
	familyKeys   = [...]string{"inet", "inet6"}
)

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

// set is one logical set; its two families become two sets of the plan.
type set struct {
	role    Role
	kind    SetKind
	key     string      // what it is for, in words that are equal for equal purposes
	members [2][]Member // its own, not those of cluster
	names   [2]SetName
	named   [2]named    // when they were last named; a key means that the members are sorted
	digests [2]string   // the content of members that are sorted already; "": they are not
	cluster *clusterSet // whose members it has, sorted; nil: its own
}

// held are the members of a family. Those of a cluster set are not kept here: they are other ones
// after each change of a pod, and a tenant that is taken over would hold on to those before.
func (s *set) held(i int) []Member {
	if s.cluster != nil {
		return s.cluster.members[i]
	}
	return s.members[i]
}

func (s *set) addPod(p *model.Pod) {
	for _, ip := range p.IPs {
		s.add(HostMember(ip))
	}
}

func (s *set) add(m Member) {
	i := index(model.FamilyOf(m.Addr()))
	s.members[i] = append(s.members[i], m)
}

// empty reports whether a rule that needs this set can be left out: an immutable set that
// holds nothing will never match.
func (s *set) empty(f model.Family) bool {
	return !s.role.mutable() && len(s.members[index(f)]) == 0
}

// seal sorts the members and names the sets. Nothing may be added afterwards.
func (s *set) seal(n namer) {
	for i := range families {
		was := s.named[i]
		if s.cluster == nil && s.digests[i] == "" && was.key == "" {
			s.members[i] = sortMembers(s.members[i])
		}
		prefix := SetPrefix + s.role.letter() + familyDigits[i] + "-"
		if room := maxElem(len(s.held(i))); was.key == "" || was.room != room {
			key := s.nameKey(i)
			s.named[i] = named{key: key, hash: n.hash(key), room: room}
		}
		s.names[i] = SetName(n.assign(prefix, s.named[i].key, s.named[i].hash))
	}
	if s.cluster != nil {
		s.cluster.names = s.names
	}
}

// named is what a name was made of.
type named struct {
	key, hash string
	room      int
}

// nameKey includes the capacity of a set that has outgrown the usual one, so that such a
// set gets a new name, and its rules with it.
func (s *set) nameKey(family int) string {
	members := s.held(family)
	key := "set " + string(s.role) + " " + familyKeys[family] + " "
	if digest := s.digests[family]; digest != "" {
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
		line = append(line, m.Protocol().String()...)
		line = append(line, ' ')
		line = strconv.AppendUint(line, uint64(m.Port()), 10)
		h.Write(append(line, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// registry holds every logical set of a compilation, one per role and key.
type registry struct {
	byKey map[setKey]*set
	order []*set
	asked []*set // by the tenant at hand, some several times
}

// setKey is what a set is for.
type setKey struct {
	role Role
	key  string
}

func newRegistry() registry { return registry{byKey: map[setKey]*set{}} }

// get returns the set, filled at its first use.
func (r *registry) get(role Role, kind SetKind, key string, fill func(*set)) *set {
	id := setKey{role, key}
	s, ok := r.byKey[id]
	if !ok {
		s = &set{role: role, kind: kind, key: key}
		if fill != nil {
			fill(s)
		}
		r.byKey[id] = s
		r.order = append(r.order, s)
	}
	r.asked = append(r.asked, s)
	return s
}

// adopt takes in a set of an earlier compilation. There may be another one for the same purpose
// already: both get its name.
func (r *registry) adopt(s *set) {
	id := setKey{s.role, s.key}
	if was, ok := r.byKey[id]; !ok {
		r.byKey[id] = s
	} else if was == s {
		return
	}
	r.order = append(r.order, s)
}

// addPorts adds what named ports resolve to on one pod.
func (s *set) addPorts(p *model.Pod, names map[namedPort]bool) {
	for _, port := range p.Ports {
		if names[namedPort{port.Name, port.Protocol}] {
			for _, ip := range p.IPs {
				s.add(PortMember(netip.PrefixFrom(ip, ip.BitLen()), protocolOf[port.Protocol], port.Number))
			}
		}
	}
}
