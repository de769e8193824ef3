package render

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// Sets writes sets whole, create line and members, as input for ipset restore.
func Sets(w io.Writer, sets []plan.Set) error {
	b := bufio.NewWriter(w)
	for _, s := range sets {
		Set(b, s, string(s.Name))
	}
	return b.Flush()
}

// Set writes s whole under the given name: its own, or a temporary one that it is renamed
// from when it is full. Errors of this and the following stay in b until it is flushed.
func Set(b *bufio.Writer, s plan.Set, name string) {
	line(b, fmt.Sprintf("create %s %s family %s hashsize %d maxelem %d",
		name, kinds[s.Kind], Family(s.Family), HashSize(len(s.Members)), s.MaxElem()))
	for _, m := range s.Members {
		SetAdd(b, name, m)
	}
}

// SetAdd adds a member to a set.
func SetAdd(b *bufio.Writer, name string, m plan.Member) { line(b, "add ", name, " ", MemberText(m)) }

// SetDel removes a member from a set.
func SetDel(b *bufio.Writer, name string, m plan.Member) { line(b, "del ", name, " ", MemberText(m)) }

// SetRename renames a set; no set may be named `to` yet.
func SetRename(b *bufio.Writer, from, to string) { line(b, "rename ", from, " ", to) }

// SetDestroy destroys a set that no rule refers to.
func SetDestroy(b *bufio.Writer, name string) { line(b, "destroy ", name) }

// HashSize is the number of buckets to start with for n members: a power of two, so large
// that filling the set does not make the kernel rehash it over and over.
func HashSize(n int) int {
	const smallest, largest = 1024, 1 << 20
	if n <= smallest {
		return smallest
	}
	return min(largest, 1<<bits.Len(uint(n-1))/2)
}

// MemberText spells a member as ipset prints it: single addresses without a length.
func MemberText(m plan.Member) string {
	text := m.Addr().String()
	if !m.IsSingleIP() {
		text = m.Prefix().String()
	}
	if link := m.Link(); link != "" {
		return text + "," + link
	}
	if p := m.Protocol(); p != plan.AnyProtocol {
		text += "," + p.String() + ":" + strconv.Itoa(int(m.Port()))
	}
	return text
}

// ErrForeign is that of a member that no plan has.
var ErrForeign = errors.New("unsupported protocol")

// ParseMember reads a member as ipset save and ipset list print it, options cut off.
func ParseMember(kind plan.SetKind, text string) (plan.Member, error) {
	addr, service, hasService := strings.Cut(text, ",")
	if hasService != (kind == plan.AddressPorts || kind == plan.Links) {
		return plan.Member{}, fmt.Errorf("parse member %q: wrong number of parts", text)
	}
	prefix, err := parsePrefix(addr)
	if err != nil {
		return plan.Member{}, fmt.Errorf("parse member %q: %w", text, err)
	}
	if kind == plan.Links {
		return parseLink(prefix, service)
	}
	if !hasService {
		return plan.AddressMember(prefix), nil
	}
	name, port, _ := strings.Cut(service, ":")
	protocol, ok := protocols[name]
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case name == "":
		return plan.Member{}, fmt.Errorf("parse member %q: no protocol", text)
	case !ok:
		return plan.Member{}, fmt.Errorf("parse member %q: %w", text, ErrForeign)
	case err != nil:
		return plan.Member{}, fmt.Errorf("parse port of member %q: %w", text, err)
	}
	return plan.PortMember(prefix, protocol, uint16(n)), nil
}

// parseLink reads an interface with all addresses of a family. One with some of them is none
// of ours.
func parseLink(prefix netip.Prefix, name string) (plan.Member, error) {
	m := plan.LinkMember(model.FamilyOf(prefix.Addr()), name)
	if prefix.Bits() != 0 || m.Link() != name {
		return plan.Member{}, fmt.Errorf("parse interface %q of %s: %w", name, prefix, ErrForeign)
	}
	return m, nil
}

// protocols are those of members, as ipset spells them.
var protocols = map[string]plan.Protocol{"sctp": plan.SCTP, "tcp": plan.TCP, "udp": plan.UDP}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if a.Zone() != "" {
		return netip.Prefix{}, errors.New("an address with a zone")
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
