package plan

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/netassay/netassay/model"
)

// However many interfaces there are, each is in the sets with all addresses of both families, and
// there are never more with one prefix than the kernel takes while a set changes.
func TestLinksHaveAllAddresses(t *testing.T) {
	const atOnce = 56 // old and new ones
	for _, n := range []int{0, 1, linksPerLevel, linksPerLevel + 1, 80, 110, 250, MostLinks, MostLinks + 5} {
		s, opts := model.Snapshot{}, Options{Node: "n", Links: map[netip.Addr]string{}}
		for i := range n {
			ip := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			s.Pods = append(s.Pods, model.Pod{Namespace: "x", Name: fmt.Sprint("p", i), Node: "n", IPs: []netip.Addr{ip}})
			opts.Links[ip] = fmt.Sprintf("veth%03d", i)
		}
		p := CompileWith(s, opts)
		for _, f := range p.Families() {
			for _, set := range f.Sets {
				if set.Role == RoleLink {
					checkLinks(t, f.Family, set.Members, min(n, MostLinks), atOnce/2)
				}
			}
		}
	}
}

// checkLinks checks the members of a set: shares are parts of all addresses, in 1<<16 of them.
func checkLinks(t *testing.T, f model.Family, members []Member, n, most int) {
	t.Helper()
	shares, with := map[string]int{}, map[netip.Prefix]int{}
	for i, m := range members {
		if i > 0 && members[i-1].Compare(m) >= 0 || m.Prefix() != m.Prefix().Masked() || model.FamilyOf(m.Addr()) != f {
			t.Errorf("%s is not in order, or no prefix of %s", m, f)
		}
		shares[m.Link()] += 1 << (16 - m.Prefix().Bits())
		with[m.Prefix()]++
	}
	if len(shares) != n {
		t.Errorf("%s: %d interfaces, want %d", f, len(shares), n)
	}
	for link, share := range shares {
		if share != 1<<16 {
			t.Errorf("%s of %d: %s has %d of %d parts of all addresses", f, n, link, share, 1<<16)
		}
	}
	for prefix, links := range with {
		if links > most {
			t.Errorf("%d interfaces have %s, more than %d", links, prefix, most)
		}
	}
}
