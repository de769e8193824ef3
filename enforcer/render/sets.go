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

// SetWriter is told of changes of sets, in the order in which they are to be made.
type SetWriter interface {
	// Create makes a set like s under the given name, without members.
	Create(s plan.Set, name string)
	Add(name string, m plan.Member)
	Del(name string, m plan.Member)
	// Rename renames a set; no set may be named `to` yet.
	Rename(from, to string)
	// Destroy destroys a set that no rule refers to.
	Destroy(name string)
}

// Sets writes sets whole, create line and members, as input for ipset restore.
func Sets(w io.Writer, sets []plan.Set) error {
	return SetText(w, func(to SetWriter) {
		for _, s := range sets {
			FillSet(to, s, string(s.Name))
		}
	})
}

// FillSet makes s whole under the given name: its own, or a temporary one that it is renamed
// from when it is full.
func FillSet(to SetWriter, s plan.Set, name string) {
	to.Create(s, name)
	for _, m := range s.Members {
		to.Add(name, m)
	}
}

// SetText writes changes as input for ipset restore, one a line.
func SetText(w io.Writer, write func(SetWriter)) error {
	b := bufio.NewWriterSize(w, 64<<10)
	write(setText{b})
	return b.Flush()
}

// setText is a SetWriter. Errors stay in it until it is flushed.
type setText struct{ *bufio.Writer }

func (b setText) Create(s plan.Set, name string) {
	line(b.Writer, fmt.Sprintf("create %s %s family %s hashsize %d maxelem %d",
		name, Kind(s.Kind), Family(s.Family), HashSize(len(s.Members)), s.MaxElem()))
}

func (b setText) Add(name string, m plan.Member) { line(b.Writer, "add ", name, " ", MemberText(m)) }

func (b setText) Del(name string, m plan.Member) { line(b.Writer, "del ", name, " ", MemberText(m)) }

func (b setText) Rename(from, to string) { line(b.Writer, "rename ", from, " ", to) }

func (b setText) Destroy(name string) { line(b.Writer, "destroy ", name) }

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
