package iptsim

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
)

// set is one ipset.
type set struct {
	kind    string // hash:ip, hash:net, hash:ip,port or hash:net,iface
	family  Family
	maxelem int
	members map[member]struct{}
	lengths [129]int             // number of members per prefix length
	links   map[netip.Prefix]int // of hash:net,iface, number of members per prefix
}

// member is one element in canonical form.
type member struct {
	prefix   netip.Prefix
	protocol string
	port     uint16
	link     string
}

// mostLinks is how many interfaces the kernel takes with one prefix.
const mostLinks = 64

// dimension is how many of src and dst a match on the set must name.
func (s *set) dimension() int { return 1 + strings.Count(s.kind, ",") }

func (s *set) clone() *set {
	out := *s
	out.members, out.links = maps.Clone(s.members), maps.Clone(s.links)
	return &out
}

// parse reads a member as this set would take it.
func (s *set) parse(text string) (member, error) {
	addr, second, hasSecond := strings.Cut(text, ",")
	if hasSecond != (s.dimension() == 2) {
		return member{}, fmt.Errorf("%q has the wrong number of parts for %s", text, s.kind)
	}
	var m member
	var err error
	if m.prefix, err = s.parsePrefix(addr); err != nil {
		return member{}, err
	}
	switch s.kind {
	case "hash:ip,port":
		m.protocol, m.port, err = parseService(second)
	case "hash:net,iface":
		m.link = second
		if second == "" || len(second) > 15 {
			err = fmt.Errorf("%q is not an interface", second)
		}
	}
	return m, err
}

// parsePrefix refuses what ipset refuses (a /0 without an interface, the other family), and
// what it reads in ways that are easily mistaken: leading zeros are octal there, host bits are
// cleared, and in a set of addresses a prefix is expanded.
func (s *set) parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || familyOf(a) != s.family {
			return netip.Prefix{}, fmt.Errorf("%q is not an address of family %s", text, s.family)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || familyOf(p.Addr()) != s.family:
		return netip.Prefix{}, fmt.Errorf("%q is not a prefix of family %s", text, s.family)
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("%q has host bits", text)
	case !strings.HasPrefix(s.kind, "hash:net") && !p.IsSingleIP():
		return netip.Prefix{}, fmt.Errorf("%q is a prefix, and a %s set holds addresses", text, s.kind)
	case p.Bits() == 0 && s.kind != "hash:net,iface":
		return netip.Prefix{}, fmt.Errorf("%q: a set takes no /0", text)
	}
	return p, nil
}

func parseService(text string) (protocol string, port uint16, err error) {
	protocol, number, ok := strings.Cut(text, ":")
	if !ok || (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
		return "", 0, fmt.Errorf("%q is not protocol:port", text)
	}
	port, err = parsePort(number)
	return protocol, port, err
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(n), nil
}

func (s *set) add(text string, exist bool) error {
	m, err := s.parse(text)
	_, has := s.members[m]
	switch {
	case err != nil:
		return err
	case has && exist:
		return nil
	case has:
		return errors.New("it is already in the set")
	case len(s.members) >= s.maxelem:
		return fmt.Errorf("the set is full: maxelem is %d", s.maxelem)
	case s.links[m.prefix] >= mostLinks:
		return fmt.Errorf("the set is full: it has %d interfaces with %s", mostLinks, m.prefix)
	}
	if m.link != "" {
		s.links[m.prefix]++
	}
	s.members[m] = struct{}{}
	s.lengths[m.prefix.Bits()]++
	return nil
}

func (s *set) del(text string, exist bool) error {
	m, err := s.parse(text)
	_, has := s.members[m]
	switch {
	case err != nil:
		return err
	case !has && exist:
		return nil
	case !has:
		return errors.New("it is not in the set")
	}
	if m.link != "" {
		s.links[m.prefix]--
	}
	delete(s.members, m)
	s.lengths[m.prefix.Bits()]--
	return nil
}

// SaveSet prints a set as ipset save does, its members in no order. ok is false when there is
// no such set.
func (m *Machine) SaveSet(name string) (text string, ok bool) {
	s, ok := m.sets[name]
	if !ok {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "create %s %s family %s hashsize 1024 maxelem %d bucketsize 12 initval 0x1234\n", name, s.kind, s.family, s.maxelem)
	for e := range s.members {
		fmt.Fprintf(&b, "add %s %s", name, strings.TrimSuffix(e.prefix.String(), fmt.Sprintf("/%d", e.prefix.Addr().BitLen())))
		if e.protocol != "" {
			fmt.Fprintf(&b, ",%s:%d", e.protocol, e.port)
		}
		if e.link != "" {
			b.WriteString("," + e.link)
		}
		b.WriteByte('\n')
	}
	return b.String(), true
}

// contains looks for an address, and what the set's kind adds to it.
func (s *set) contains(addr netip.Addr, with member) bool {
	if familyOf(addr) != s.family {
		return false
	}
	shortest := addr.BitLen()
	if strings.HasPrefix(s.kind, "hash:net") {
		shortest = 0
	}
	for bits := addr.BitLen(); bits >= shortest; bits-- {
		if s.lengths[bits] == 0 {
			continue
		}
		with.prefix = netip.PrefixFrom(addr, bits).Masked()
		if _, has := s.members[with]; has {
			return true
		}
	}
	return false
}
