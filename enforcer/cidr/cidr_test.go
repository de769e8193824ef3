package cidr

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"canonical", "10.20.0.0/16", "10.20.0.0/16"},
		{"host bits", "10.20.3.4/16", "10.20.0.0/16"},
		{"leading zeros are decimal", "010.020.0.0/16", "10.20.0.0/16"},
		{"zero length with host bits", "1.2.3.4/0", "0.0.0.0/0"},
		{"one address", "10.0.0.1/32", "10.0.0.1/32"},
		{"IPv6", "2001:DB8:0::1/32", "2001:db8::/32"},
		{"IPv6 zero", "::/0", "::/0"},
		{"IPv4-mapped", "::ffff:10.1.2.3/112", "10.1.0.0/16"},
		{"IPv4-mapped, all of it", "::ffff:0:0/96", "0.0.0.0/0"},
		{"wider than mapped stays IPv6", "::ffff:0:0/90", "::ffc0:0:0/90"},
		{"no length", "10.0.0.1", ""},
		{"empty", "", ""},
		{"too long", "10.0.0.0/33", ""},
		{"negative", "10.0.0.0/-1", ""},
		{"zone", "fe80::1%eth0/64", ""},
		{"words", "all", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Parse(tc.text)
			if (err != nil) != (tc.want == "") {
				t.Fatalf("Parse(%q) = %v, %v", tc.text, p, err)
			}
			if err == nil && p.String() != tc.want {
				t.Errorf("Parse(%q) = %s, want %s", tc.text, p, tc.want)
			}
		})
	}
}

func TestUnion(t *testing.T) {
	for _, tc := range []struct {
		name   string
		blocks []Block
		want   []string
	}{
		{"nothing", nil, nil},
		{"one", blocks("10.0.0.0/8"), []string{"10.0.0.0/8"}},
		{"duplicates and neighbours merge", blocks("10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/9"), []string{"10.0.0.0/8"}},
		{"a hole", []Block{block("10.0.0.0/30", "10.0.0.1/32")}, []string{"10.0.0.0/32", "10.0.0.2/31"}},
		{"except equal to the CIDR leaves nothing", []Block{block("10.0.0.0/8", "10.0.0.0/8")}, nil},
		{"except wider than the CIDR leaves nothing", []Block{block("10.0.0.0/8", "0.0.0.0/0")}, nil},
		{"except outside takes nothing", []Block{block("10.0.0.0/8", "11.0.0.0/8")}, []string{"10.0.0.0/8"}},
		{"except of the other family takes nothing", []Block{block("10.0.0.0/8", "::/0")}, []string{"10.0.0.0/8"}},
		{"another block fills the hole", []Block{block("10.0.0.0/30", "10.0.0.1/32"), block("10.0.0.1/32")}, []string{"10.0.0.0/30"}},
		{"nested and overlapping excepts", []Block{block("10.0.0.0/29", "10.0.0.0/30", "10.0.0.2/31")}, []string{"10.0.0.4/30"}},
		{"IPv4 zero", blocks("0.0.0.0/0"), []string{"0.0.0.0/1", "128.0.0.0/1"}},
		{"IPv6 zero", blocks("::/0"), []string{"::/1", "8000::/1"}},
		{"two halves make a zero and are split again", blocks("0.0.0.0/1", "128.0.0.0/1"), []string{"0.0.0.0/1", "128.0.0.0/1"}},
		{"both families", blocks("2001:db8::/32", "10.0.0.0/8"), []string{"10.0.0.0/8", "2001:db8::/32"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := Union(tc.blocks)
			if !ok {
				t.Fatal("Union gave up")
			}
			if diff := cmp.Diff(tc.want, texts(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Sixteen holes of one address each in ::/0 need about 16 × 124 prefixes, above the bound.
func TestUnionGivesUp(t *testing.T) {
	b := Block{CIDR: netip.MustParsePrefix("::/0")}
	for i := range 16 {
		b.Excepts = append(b.Excepts, netip.MustParsePrefix(fmt.Sprintf("%x000::1/128", i)))
	}
	if got, ok := Union([]Block{b}); ok {
		t.Errorf("Union returned %d prefixes, bound is %d", len(got), Bound([]Block{b}))
	}
}

// The union must hold exactly the addresses that the definition names, at every edge of
// every prefix, and must be minimal: no two neighbours that one prefix could replace.
func TestUnionAgainstDefinition(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := randomBlocks(r)
		checkUnion(t, fmt.Sprintf("seed %d", seed), in)
	}
}

func FuzzUnion(f *testing.F) {
	f.Add("10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "0.0.0.0/0")
	f.Add("::/0", "8000::/1", "::1/128", "::ffff:1.2.3.4/120")
	f.Fuzz(func(t *testing.T, c1, e1, c2, e2 string) {
		var p [4]netip.Prefix
		for i, text := range []string{c1, e1, c2, e2} {
			var err error
			if p[i], err = Parse(text); err != nil {
				return
			}
			again, err := Parse(p[i].String())
			if err != nil || again != p[i] {
				t.Fatalf("Parse(%q) = %v is not canonical: parsed again %v, %v", text, p[i], again, err)
			}
		}
		checkUnion(t, "fuzz", []Block{{p[0], []netip.Prefix{p[1]}}, {p[2], []netip.Prefix{p[3], p[1]}}})
	})
}

func checkUnion(t *testing.T, label string, in []Block) {
	t.Helper()
	got, ok := Union(in)
	if !ok {
		t.Fatalf("%s: Union(%v) gave up", label, in)
	}
	for _, a := range edges(in) {
		if want, is := covered(in, a), contains(got, a); want != is {
			t.Fatalf("%s: %v holds %s: %t, want %t\nunion: %v", label, in, a, is, want, got)
		}
	}
	for i := 1; i < len(got); i++ {
		if joinable(got[i-1], got[i]) {
			t.Fatalf("%s: %v and %v of %v could be one", label, got[i-1], got[i], got)
		}
	}
}

// covered is the definition, word for word.
func covered(in []Block, a netip.Addr) bool {
	for _, b := range in {
		if b.CIDR.Contains(a) && !contains(b.Excepts, a) {
			return true
		}
	}
	return false
}

func contains(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func joinable(a, b netip.Prefix) bool {
	if a.Bits() != b.Bits() || a.Bits() <= 1 || a.Addr().Is4() != b.Addr().Is4() {
		return false
	}
	return netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked() == netip.PrefixFrom(b.Addr(), b.Bits()-1).Masked()
}

// edges are the first and last address of every prefix in sight and their neighbours.
func edges(in []Block) []netip.Addr {
	var out []netip.Addr
	for _, b := range in {
		for _, p := range append([]netip.Prefix{b.CIDR}, b.Excepts...) {
			first, last := p.Addr(), lastOf(p)
			for _, a := range []netip.Addr{first, first.Prev(), first.Next(), last, last.Prev(), last.Next()} {
				if a.IsValid() {
					out = append(out, a)
				}
			}
		}
	}
	return out
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func randomBlocks(r *rand.Rand) []Block {
	out := make([]Block, 1+r.IntN(4))
	for i := range out {
		out[i].CIDR = randomPrefix(r)
		for range r.IntN(4) {
			out[i].Excepts = append(out[i].Excepts, randomPrefix(r))
		}
	}
	return out
}

// randomPrefix draws from few bits, so that prefixes nest, touch and repeat.
func randomPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(3) == 0 {
		b := [16]byte{0: 0xfd, 7: byte(r.IntN(4)), 15: byte(r.IntN(8))}
		return netip.PrefixFrom(netip.AddrFrom16(b), []int{0, 8, 62, 63, 64, 125, 127, 128}[r.IntN(8)]).Masked()
	}
	b := [4]byte{10, 0, byte(r.IntN(2)), byte(r.IntN(16))}
	return netip.PrefixFrom(netip.AddrFrom4(b), []int{0, 1, 8, 23, 24, 28, 29, 30, 31, 32}[r.IntN(10)]).Masked()
}

func block(cidr string, excepts ...string) Block {
	b := Block{CIDR: netip.MustParsePrefix(cidr)}
	for _, e := range excepts {
		b.Excepts = append(b.Excepts, netip.MustParsePrefix(e))
	}
	return b
}

func blocks(cidrs ...string) []Block {
	var out []Block
	for _, c := range cidrs {
		out = append(out, block(c))
	}
	return out
}

func texts(ps []netip.Prefix) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}
