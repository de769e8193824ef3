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
	"github.com/netassay/netassay/model"
)

func TestRules(t *testing.T) {
	chain := plan.Chain{Name: "NPE-X", Rules: []plan.Rule{
		{Match: plan.Match{plan.InPrefix{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}, Verdict: plan.Return{}},
		{Match: plan.Match{plan.InSet{Set: "npe-x"}, plan.InSet{Set: "npe-y", Not: true}}, Verdict: plan.Drop{}},
	}}
	names := render.Names{"npe-y": "npe-y.3"}
	for _, tc := range []struct {
		name string
		tx   render.Transaction
		want string
	}{
		{"nothing", render.Transaction{}, ""},
		{"replace, delete and hook in one commit", render.Transaction{
			Chains: []plan.Chain{chain}, Names: names, Delete: []plan.ChainName{"NPE-OLD"},
			Hook: []render.Jump{render.JumpOf(plan.Hook{From: plan.Forwarded, To: "NPE-X"})}, Unhook: []render.Jump{{From: "OUTPUT", To: "NPE-OLD"}},
		}, `*mangle
:NPE-X - [0:0]
:NPE-OLD - [0:0]
-A NPE-X -s 10.0.0.0/8 -j RETURN
-A NPE-X -m comment --comment npe:` + render.ChainHash(chain, names) + ` -m set --match-set npe-x src -m set ! --match-set npe-y.3 src -j DROP
-I FORWARD -j NPE-X
-D OUTPUT -j NPE-OLD
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
	if err := render.Sets(brokenPipe{}, []plan.Set{{Name: "npe-x", Kind: plan.Addresses, Family: model.IPv4}}); !errors.Is(err, errBroken) {
		t.Errorf("Sets: %v", err)
	}
}

// A chain's hash must change with its name, its rules, their order and the names of sets, and
// be found again in what iptables-save prints.
func TestChainHash(t *testing.T) {
	a, b := plan.Rule{Verdict: plan.Jump{To: "A"}}, plan.Rule{Match: plan.Match{plan.InSet{Set: "npe-b"}}, Verdict: plan.Jump{To: "B"}}
	base := plan.Chain{Name: "NPE-X", Rules: []plan.Rule{a, b}}
	seen := map[string]bool{render.ChainHash(base, nil): true, render.ChainHash(base, render.Names{"npe-b": "npe-b.0"}): true}
	if len(seen) != 2 {
		t.Error("the hash does not depend on the names of sets")
	}
	for _, c := range []plan.Chain{
		{Name: "NPE-Y", Rules: []plan.Rule{a, b}},
		{Name: "NPE-X", Rules: []plan.Rule{b, a}},
		{Name: "NPE-X", Rules: []plan.Rule{a}},
		{Name: "NPE-X", Rules: []plan.Rule{{Verdict: plan.Jump{To: "A-j B"}}}},
	} {
		if h := render.ChainHash(c, nil); seen[h] {
			t.Errorf("%v has the hash of another chain", c)
		} else {
			seen[h] = true
		}
	}
	var text strings.Builder
	if err := render.Rules(&text, render.Transaction{Chains: []plan.Chain{base}}); err != nil {
		t.Fatal(err)
	}
	if got, ok := render.HashOf(text.String()); !ok || got != render.ChainHash(base, nil) {
		t.Errorf("HashOf(%q) = %q, %t", text.String(), got, ok)
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
		{plan.Addresses, "10.0.0.1", member("10.0.0.1/32")},
		{plan.Addresses, "fd00::1", member("fd00::1/128")},
		{plan.Prefixes, "10.0.0.0/8", member("10.0.0.0/8")},
		{plan.Prefixes, "10.0.0.1", member("10.0.0.1/32")},
		{plan.Prefixes, "8000::/1", member("8000::/1")},
		{plan.AddressPorts, "fd00::1,sctp:3868", service("fd00::1/128", plan.SCTP, 3868)},
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
		{plan.Addresses, ""},
		{plan.Addresses, "10.0.0.1,tcp:80"},
		{plan.Addresses, "ten"},
		{plan.Prefixes, "10.0.0.0/33"},
		{plan.AddressPorts, "10.0.0.1"},
		{plan.AddressPorts, "10.0.0.1,tcp"},
		{plan.AddressPorts, "10.0.0.1,tcp:70000"},
		{plan.AddressPorts, "10.0.0.1,:80"},
		{plan.AddressPorts, "10.0.0.1,udplite:80"},
		{plan.Addresses, "fe80::1%eth0"},
	} {
		if got, err := render.ParseMember(tc.kind, tc.text); err == nil {
			t.Errorf("ParseMember(%v, %q) = %v", tc.kind, tc.text, got)
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

func service(prefix string, protocol plan.Protocol, port uint16) plan.Member {
	return plan.PortMember(netip.MustParsePrefix(prefix), protocol, port)
}

func TestNotesAreComments(t *testing.T) {
	for _, tc := range []struct {
		name string
		note plan.Note
		want string
	}{
		{"a rule of a policy", plan.Note{About: "x/p", Field: "spec.ingress[0]"}, "x/p:ingress[0]"},
		{"a namespace", plan.Note{About: "x"}, "x"},
		{"quotes, blanks and newlines", plan.Note{About: "a\"b' c\n-j ACCEPT"}, "a_b__c_-j_ACCEPT"},
		{"long", plan.Note{About: strings.Repeat("x", 400)}, strings.Repeat("x", 199) + "~"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var text strings.Builder
			rules := []plan.Rule{{Match: plan.Match{tc.note}, Verdict: plan.Drop{}}, {Verdict: plan.Drop{}}}
			if err := render.Rules(&text, render.Transaction{Chains: []plan.Chain{{Name: "NPE-X", Rules: rules}}}); err != nil {
				t.Fatal(err)
			}
			if want := "-A NPE-X -m comment --comment " + tc.want + " -j DROP\n"; !strings.Contains(text.String(), want) {
				t.Errorf("got %q, want %q", text.String(), want)
			}
		})
	}
}

// Every path, kind and family has a word of its own, and is read from it again.
func TestWords(t *testing.T) {
	for kind := plan.Addresses; kind <= plan.AddressPorts; kind++ {
		var text strings.Builder
		if err := render.Sets(&text, []plan.Set{{Name: "npe-x", Kind: kind, Family: model.IPv6}}); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(text.String())
		if render.ParseKind(words[2]) != kind || render.ParseFamily(words[4]) != model.IPv6 {
			t.Errorf("kind %d is not read as it was written: %q", kind, words)
		}
	}
	if f, kind := render.ParseFamily("unix"), render.ParseKind("bitmap:port"); f != "" || kind != 0 {
		t.Errorf("words that no plan has are read as %q and %d", f, kind)
	}
	if in, out := render.JumpOf(plan.Hook{From: plan.ToNode}), render.JumpOf(plan.Hook{From: plan.Forwarded}); in.From != "INPUT" || out.From != "FORWARD" {
		t.Errorf("hooks are in %s and %s", in.From, out.From)
	}
}
