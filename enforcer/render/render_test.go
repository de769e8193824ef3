package render_test

import (
	"errors"
	"math/bits"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

func TestRules(t *testing.T) {
	chain := plan.Chain{Name: "NPE-X", Rules: []string{"-s 10.0.0.0/8 -j RETURN", "-j DROP"}}
	for _, tc := range []struct {
		name string
		tx   render.Transaction
		want string
	}{
		{"nothing", render.Transaction{}, ""},
		{"replace, delete and hook in one commit", render.Transaction{
			Chains: []plan.Chain{chain}, Delete: []string{"NPE-OLD"}, Hooks: []plan.Hook{{From: "FORWARD", To: "NPE-X"}},
		}, `*mangle
:NPE-X - [0:0]
:NPE-OLD - [0:0]
-A NPE-X -s 10.0.0.0/8 -j RETURN
-A NPE-X -m comment --comment npe:` + render.ChainHash(chain) + ` -j DROP
-I FORWARD -j NPE-X
-X NPE-OLD
COMMIT
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b strings.Builder
			if err := render.Rules(&b, tc.tx); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// brokenPipe is a writer that fails, as a child's stdin does when the child dies.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken pipe")

func TestWriteErrorsAreReported(t *testing.T) {
	p := plan.Compile(snapshot(t, []byte("kind: Namespace\nmetadata: {name: x}\n")), "n1")
	if err := render.Rules(brokenPipe{}, render.Full(p.IPv4)); !errors.Is(err, errBroken) {
		t.Errorf("Rules: %v", err)
	}
	if err := render.Sets(brokenPipe{}, []plan.Set{{Name: "npe-x", Kind: plan.HashIP, Family: plan.IPv4}}); !errors.Is(err, errBroken) {
		t.Errorf("Sets: %v", err)
	}
}

// A chain's hash must change with its name, its rules and their order, and be found again
// in what iptables-save prints.
func TestChainHash(t *testing.T) {
	base := plan.Chain{Name: "NPE-X", Rules: []string{"-j A", "-j B"}}
	seen := map[string]bool{render.ChainHash(base): true}
	for _, c := range []plan.Chain{
		{Name: "NPE-Y", Rules: []string{"-j A", "-j B"}},
		{Name: "NPE-X", Rules: []string{"-j B", "-j A"}},
		{Name: "NPE-X", Rules: []string{"-j A"}},
		{Name: "NPE-X", Rules: []string{"-j A-j B"}},
	} {
		if h := render.ChainHash(c); seen[h] {
			t.Errorf("%v has the hash of another chain", c)
		} else {
			seen[h] = true
		}
	}
	lines := render.ChainLines(base)
	if got, ok := render.HashOf(lines[len(lines)-1]); !ok || got != render.ChainHash(base) {
		t.Errorf("HashOf(%q) = %q, %t", lines[len(lines)-1], got, ok)
	}
	for _, line := range []string{"", "-A NPE-X -j DROP", "-A NPE-X -m comment --comment npe:short"} {
		if got, ok := render.HashOf(line); ok {
			t.Errorf("HashOf(%q) = %q", line, got)
		}
	}
}

func TestMemberRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		kind plan.SetKind
		text string
		want plan.Member
	}{
		{plan.HashIP, "10.0.0.1", member("10.0.0.1/32")},
		{plan.HashIP, "fd00::1", member("fd00::1/128")},
		{plan.HashNet, "10.0.0.0/8", member("10.0.0.0/8")},
		{plan.HashNet, "10.0.0.1", member("10.0.0.1/32")},
		{plan.HashNet, "8000::/1", member("8000::/1")},
		{plan.HashIPPort, "fd00::1,sctp:3868", service("fd00::1/128", "sctp", 3868)},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, err := render.ParseMember(tc.kind, tc.text)
			if err != nil || got != tc.want {
				t.Fatalf("ParseMember = %v, %v, want %v", got, err, tc.want)
			}
			if text := render.MemberText(got); text != tc.text {
				t.Errorf("MemberText = %q", text)
			}
		})
	}
}

func TestParseMemberRefuses(t *testing.T) {
	for _, tc := range []struct {
		kind plan.SetKind
		text string
	}{
		{plan.HashIP, ""},
		{plan.HashIP, "10.0.0.1,tcp:80"},
		{plan.HashIP, "ten"},
		{plan.HashNet, "10.0.0.0/33"},
		{plan.HashIPPort, "10.0.0.1"},
		{plan.HashIPPort, "10.0.0.1,tcp"},
		{plan.HashIPPort, "10.0.0.1,tcp:70000"},
		{plan.HashIPPort, "10.0.0.1,:80"},
		{plan.HashIPPort, "10.0.0.1,udplite:80"},
		{plan.HashIP, "fe80::1%eth0"},
	} {
		if got, err := render.ParseMember(tc.kind, tc.text); err == nil {
			t.Errorf("ParseMember(%s, %q) = %v", tc.kind, tc.text, got)
		}
	}
}

func TestHashSize(t *testing.T) {
	for _, n := range []int{0, 1, 1024, 1025, 10000, 65536, 1 << 22} {
		size := render.HashSize(n)
		if bits.OnesCount(uint(size)) != 1 || size < 1024 || size > 1<<20 || n <= 1<<20 && 4*size < n {
			t.Errorf("HashSize(%d) = %d", n, size)
		}
	}
}

func member(prefix string) plan.Member { return plan.AddressMember(netip.MustParsePrefix(prefix)) }

func service(prefix, protocol string, port uint16) plan.Member {
	m, _ := plan.PortMember(netip.MustParsePrefix(prefix), protocol, port)
	return m
}
