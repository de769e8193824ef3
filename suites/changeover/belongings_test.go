package changeover

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	bare = "# Generated\n*filter\n:INPUT ACCEPT [3:180]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
	full = "# Generated\n*mangle\n:FORWARD ACCEPT [0:0]\n:X-IN - [0:0]\n-A FORWARD -j X-IN\nCOMMIT\n*filter\n:INPUT ACCEPT [9:540]\n:FORWARD ACCEPT [0:0]\n:Y - [0:0]\nCOMMIT\n"
)

// What is put back has the old text, and nothing in the tables that have come.
func TestRewind(t *testing.T) {
	for _, tc := range []struct{ name, before, now, want string }{
		{"nothing has changed but counters", bare, "# Later\n*filter\n:INPUT ACCEPT [7:9]\n:FORWARD ACCEPT [1:2]\nCOMMIT\n", ""},
		{"a table and a chain more", bare, full, bare + "*mangle\nCOMMIT\n"},
		{"from nothing", "", full, "*mangle\nCOMMIT\n*filter\nCOMMIT\n"},
		{"all is gone", full, "", full},
	} {
		if diff := cmp.Diff(tc.want, rewind(tc.before, tc.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// Chains of an engine's own are leftovers, those of the kernel are not; and pods' links aren't.
func TestSince(t *testing.T) {
	before := belongings{rules: map[string]string{"iptables-nft": bare}, sets: []string{"kube"}, links: links("1: lo: <LOOPBACK>\n")}
	now := belongings{
		rules: map[string]string{"iptables-nft": full, "ip6tables-legacy": full},
		sets:  []string{"x-2", "kube", "x-1"},
		links: links("1: lo: <LOOPBACK>\n2: eth0@if7: <UP>\n5: veth1a@if2: <UP>\n6: dummy: <UP>\n"),
	}
	want := map[string][]string{
		"chain": {"mangle X-IN (iptables-nft)", "filter Y (iptables-nft)", "mangle X-IN (ip6tables-legacy)", "filter Y (ip6tables-legacy)"},
		"set":   {"x-1", "x-2"},
		"link":  {"dummy", "eth0"},
	}
	if diff := cmp.Diff(want, now.since(before)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := before.since(now); len(left) != 0 {
		t.Errorf("what is gone was left: %v", left)
	}
}
