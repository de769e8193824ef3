package flows

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
)

func TestTo(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	server := probe.Pod{Name: "server", Node: "n1", Addrs: addrs}
	var got []string
	for _, f := range To(server, 80, probe.Pod{Name: "near", Node: "n1"}, probe.Pod{Name: "far", Node: "n2"}) {
		got = append(got, f.String()+" "+f.Addr.String())
	}
	want := []string{
		"near → server IPv4 same-node 10.0.0.1:80", "near → server IPv6 same-node [fd00::1]:80",
		"far → server IPv4 cross-node 10.0.0.1:80", "far → server IPv6 cross-node [fd00::1]:80",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
