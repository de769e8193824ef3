package load

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/profile"
)

// The networks of IPv4 that ipBlocks are drawn from: all of 11.0.0.0 to 99.255.255.0, none
// of which is private, shared or a pod's. Those of IPv6 are in 2001:db8::/32.
const (
	firstNet4 = 11 << 16
	nets4     = 89 << 16
	stride4   = 2_654_435 // odd and no multiple of 89: walks all of nets4 in scattered order
)

// pool gives networks, /24 or /64, each once.
type pool struct {
	start int
	used  Networks
}

// Networks is how many networks of each family are in use.
type Networks struct{ V4, V6 int }

// next is a network that was not given before.
func (p *pool) next(six bool) netip.Prefix {
	if six {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		n := uint32(p.start+p.used.V6) * 0x9e3779b1 // odd: a permutation of all that there are
		p.used.V6++
		a[4], a[5], a[6], a[7] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		return netip.PrefixFrom(netip.AddrFrom16(a), 64)
	}
	n := firstNet4 + (p.start+p.used.V4)%nets4*stride4%nets4
	p.used.V4++
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 16), byte(n >> 8), byte(n)}), 24)
}

// slots is how many parts of equal size a network is cut into, for excepts and for blocks
// within blocks.
const slots = 16

// slot is part k of p: 4 bits longer in IPv4, 32 bits in IPv6.
func slot(p netip.Prefix, k int) netip.Prefix {
	if p.Addr().Is4() {
		a, bits := p.Addr().As4(), p.Bits()+4
		shift := 32 - bits
		n := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3]) | uint32(k)<<shift
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), bits)
	}
	a, bits := p.Addr().As16(), p.Bits()+32
	a[(bits-1)/8] |= byte(k << ((8 - bits%8) % 8))
	return netip.PrefixFrom(netip.AddrFrom16(a), bits)
}

// longer is p with up to 4 levels of its own first part: 24 to 28, 64 to 96, by eights.
func longer(p netip.Prefix, level int) netip.Prefix {
	if p.Addr().Is4() {
		return netip.PrefixFrom(p.Addr(), p.Bits()+level)
	}
	return netip.PrefixFrom(p.Addr(), p.Bits()+8*level)
}

// drawer draws the ipBlocks of one list.
type drawer struct {
	r       *rand.Rand
	pool    *pool
	profile profile.Profile
	parents map[bool]*parent // by whether IPv6
}

// parent is a block that others can lie in.
type parent struct {
	block netip.Prefix
	used  int
}

// blocks draws n different ipBlocks, of the families in turn.
func (d *drawer) blocks(n int) []netv1.IPBlock {
	families := d.profile.Families.List()
	out := make([]netv1.IPBlock, 0, n)
	for i := range n {
		out = append(out, d.block(families[i%len(families)] == model.IPv6))
	}
	return out
}

// block draws one: within the last that has room, as often as the profile says, else in a
// network of its own.
func (d *drawer) block(six bool) netv1.IPBlock {
	excepts := d.count()
	if p := d.parents[six]; p != nil && p.used < slots && d.r.Float64() < d.profile.Overlap {
		p.used++
		inner := slot(p.block, p.used-1)
		if excepts == 0 {
			inner = longer(inner, d.r.IntN(5))
		}
		return d.cut(inner, excepts)
	}
	p := d.pool.next(six)
	if d.profile.Overlap == 0 {
		p = longer(p, d.r.IntN(5))
	} else {
		d.parents[six] = &parent{block: p}
	}
	return d.cut(p, excepts)
}

// count is how many excepts a block has: the whole part always, one more by chance.
func (d *drawer) count() int {
	n := int(d.profile.Except)
	if d.r.Float64() < d.profile.Except-float64(n) {
		n++
	}
	return n
}

// cut is the block of p with n excepts.
func (d *drawer) cut(p netip.Prefix, n int) netv1.IPBlock {
	b := netv1.IPBlock{CIDR: p.String()}
	for _, k := range d.r.Perm(slots)[:n] {
		b.Except = append(b.Except, slot(p, k).String())
	}
	return b
}

// room is a part of the block that is not among its excepts; false when there is none, or
// the block is too small to be cut.
func room(r *rand.Rand, b netv1.IPBlock) (string, bool) {
	p, err := netip.ParsePrefix(b.CIDR)
	if err != nil || p.Bits() > 28 && p.Addr().Is4() || p.Bits() > 96 {
		return "", false
	}
	for _, k := range r.Perm(slots) {
		if s := slot(p, k).String(); !slices.Contains(b.Except, s) {
			return s, true
		}
	}
	return "", false
}

// CIDRs is how many ipBlocks a policy has.
func CIDRs(p *netv1.NetworkPolicy) int { return len(ipBlocks(p)) }

// ipBlocks are those of a policy, to be read or written in place.
func ipBlocks(p *netv1.NetworkPolicy) []*netv1.IPBlock {
	var out []*netv1.IPBlock
	for _, list := range peersOf(p) {
		for i := range list {
			if b := list[i].IPBlock; b != nil {
				out = append(out, b)
			}
		}
	}
	return out
}

// peersOf are the lists of peers of a policy's rules.
func peersOf(p *netv1.NetworkPolicy) (lists [][]netv1.NetworkPolicyPeer) {
	for i := range p.Spec.Ingress {
		lists = append(lists, p.Spec.Ingress[i].From)
	}
	for i := range p.Spec.Egress {
		lists = append(lists, p.Spec.Egress[i].To)
	}
	return lists
}
