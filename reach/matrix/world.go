package matrix

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// prefixes finds the narrowest of some prefixes that holds an address. As prefixes nest, it says
// of all of them whether they do.
type prefixes struct {
	has  map[netip.Prefix]bool
	bits [2][]int // of IPv4 and IPv6, the longest first
}

func newPrefixes(all []netip.Prefix) *prefixes {
	p := &prefixes{has: map[netip.Prefix]bool{}}
	for _, one := range all {
		p.has[one] = true
		i := familyIndex(one.Addr())
		if !slices.Contains(p.bits[i], one.Bits()) {
			p.bits[i] = append(p.bits[i], one.Bits())
		}
	}
	for i := range p.bits {
		slices.SortFunc(p.bits[i], func(a, b int) int { return cmp.Compare(b, a) })
	}
	return p
}

func familyIndex(a netip.Addr) int {
	if model.FamilyOf(a) == model.IPv4 {
		return 0
	}
	return 1
}

// narrowest is the zero Prefix when none holds the address.
func (p *prefixes) narrowest(a netip.Addr) netip.Prefix {
	for _, bits := range p.bits[familyIndex(a)] {
		if one, err := a.Prefix(bits); err == nil && p.has[one] {
			return one
		}
	}
	return netip.Prefix{}
}

// Blocks are all prefixes of the peers, cidr and except.
func Blocks(peers []*netv1.NetworkPolicyPeer) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range peers {
		if p.IPBlock == nil {
			continue
		}
		for _, text := range append([]string{p.IPBlock.CIDR}, p.IPBlock.Except...) {
			if one, ok := oracle.ParseCIDR(text); ok {
				out = append(out, one)
			}
		}
	}
	return out
}

// world is the addresses that there are, as ipBlocks tell them apart.
type world struct {
	all      *prefixes
	families []model.Family
	taken    map[netip.Addr]bool // by pods and nodes
}

func newWorld(v *inventory.Inventory, o Options) *world {
	w := &world{taken: map[netip.Addr]bool{}}
	var addrs []netip.Addr
	for i := range v.Pods {
		addrs = append(addrs, v.Pods[i].IPs...)
	}
	w.families = model.FamiliesOf(addrs...)
	for i := range v.Nodes {
		addrs = append(addrs, v.Nodes[i].IPs...)
	}
	for _, a := range addrs {
		w.taken[a] = true
	}
	var all []netip.Prefix
	for _, p := range slices.Concat(v.Policies, o.Also) {
		all = append(all, Blocks(inventory.Peers(&p.Spec))...)
	}
	w.all = newPrefixes(append(all, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")))
	return w
}

// atoms names what ipBlocks can tell of some addresses, of one of each family.
func (w *world) atoms(addrs []netip.Addr) string {
	var out []string
	for _, f := range []model.Family{model.IPv4, model.IPv6} {
		if a := f.First(addrs); a.IsValid() {
			out = append(out, w.all.narrowest(a).String())
		}
	}
	return strings.Join(out, "+")
}

// atom is a prefix without the narrower ones in it, and an address there that nobody has.
type atom struct {
	prefix netip.Prefix
	addr   netip.Addr
}

// outside are the atoms in which the world has an address, in the families that pods have.
func (w *world) outside() []atom {
	var out []atom
	for p := range w.all.has {
		if !slices.Contains(w.families, model.FamilyOf(p.Addr())) {
			continue
		}
		if a, ok := w.free(p); ok {
			out = append(out, atom{p, a})
		}
	}
	slices.SortFunc(out, func(a, b atom) int {
		return cmp.Or(cmp.Compare(familyIndex(a.addr), familyIndex(b.addr)), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()), a.prefix.Addr().Compare(b.prefix.Addr()))
	})
	return out
}

// free is the first address of p that is in no narrower prefix, and nobody's.
func (w *world) free(p netip.Prefix) (netip.Addr, bool) {
	for a := p.Addr(); a.IsValid() && p.Contains(a); {
		in := w.widestBelow(p, a)
		switch {
		case in.IsValid():
			a = netipx.PrefixLastIP(in).Next()
		case w.taken[a] || a.IsUnspecified():
			a = a.Next()
		default:
			return a, true
		}
	}
	return netip.Addr{}, false
}

// widestBelow is the widest prefix that holds a and is narrower than p: all of it can be skipped.
func (w *world) widestBelow(p netip.Prefix, a netip.Addr) netip.Prefix {
	bits := w.all.bits[familyIndex(a)]
	for _, b := range slices.Backward(bits) {
		if b <= p.Bits() {
			continue
		}
		if one, err := a.Prefix(b); err == nil && w.all.has[one] {
			return one
		}
	}
	return netip.Prefix{}
}
