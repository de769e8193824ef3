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
)

// Sets writes sets whole, create line and members, as input for ipset restore.
func Sets(w io.Writer, sets []plan.Set) error {
	b := bufio.NewWriter(w)
	for _, s := range sets {
		line(b, SetCreate(s, s.Name))
		for _, m := range s.Members {
			line(b, SetAdd(s.Name, m))
		}
	}
	return b.Flush()
}

// SetCreate is the line that creates s under the given name: its own, or a temporary one
// that is renamed when the set is full.
func SetCreate(s plan.Set, name string) string {
	return fmt.Sprintf("create %s %s family %s hashsize %d maxelem %d",
		name, s.Kind, s.Family, HashSize(len(s.Members)), s.MaxElem())
}

// SetAdd is the line that adds a member.
func SetAdd(name string, m plan.Member) string { return "add " + name + " " + MemberText(m) }

// SetDel is the line that removes a member.
func SetDel(name string, m plan.Member) string { return "del " + name + " " + MemberText(m) }

// SetRename is the line that renames a set; no set may be named `to` yet.
func SetRename(from, to string) string { return "rename " + from + " " + to }

// SetDestroy is the line that destroys a set that no rule refers to.
func SetDestroy(name string) string { return "destroy " + name }

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
func MemberText(m plan.Member) string { return m.String() }

// ErrForeign is that of a member that no plan has.
var ErrForeign = errors.New("no protocol of ours")

// ParseMember reads a member as ipset save and ipset list print it, options cut off.
func ParseMember(kind plan.SetKind, text string) (plan.Member, error) {
	addr, service, hasService := strings.Cut(text, ",")
	if hasService != (kind == plan.HashIPPort) {
		return plan.Member{}, fmt.Errorf("parse member %q of a %s set: wrong number of parts", text, kind)
	}
	prefix, err := parsePrefix(addr)
	if err != nil {
		return plan.Member{}, fmt.Errorf("parse member %q: %w", text, err)
	}
	if !hasService {
		return plan.AddressMember(prefix), nil
	}
	protocol, port, _ := strings.Cut(service, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	m, ok := plan.PortMember(prefix, protocol, uint16(n))
	switch {
	case protocol == "":
		return plan.Member{}, fmt.Errorf("parse member %q: no protocol", text)
	case !ok:
		return plan.Member{}, fmt.Errorf("parse member %q: %w", text, ErrForeign)
	case err != nil:
		return plan.Member{}, fmt.Errorf("parse port of member %q: %w", text, err)
	}
	return m, nil
}

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
