package host

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// in runs f in a network namespace of its own.
func in(t *testing.T, f func() error) {
	t.Helper()
	sandbox.Require(t)
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	if err := ns.Do(f); err != nil {
		t.Fatal(err)
	}
}

func TestIPVSByInterface(t *testing.T) {
	in(t, func() error {
		h := New()
		if got := h.IPVS(); got != "" {
			t.Errorf("an empty node: %q", got)
		}
		for _, name := range ipvsLinks {
			l := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
			if err := netlink.LinkAdd(l); err != nil {
				return err
			}
			if got := h.IPVS(); !strings.Contains(got, name) {
				t.Errorf("with %s: %q", name, got)
			}
			if err := netlink.LinkDel(l); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestBridgeNF(t *testing.T) {
	prefixes := []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24"), netip.MustParsePrefix("fd00:1::/64")}
	in(t, func() error {
		h := Host{Proc: t.TempDir()}
		sysctl := func(name, value string) {
			file := filepath.Join(h.Proc, "sys/net/bridge", name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(what, want string) {
			t.Helper()
			got, err := h.BridgeNF(prefixes)
			if err != nil || want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s: %q (%v), want %q", what, got, err, want)
			}
		}
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "cni0"}}
		expect("no bridge", "")
		if err := netlink.LinkAdd(br); err != nil {
			return err
		}
		expect("a bridge of somebody else", "")
		addr, err := netlink.ParseAddr("10.244.1.1/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(br, addr); err != nil {
			return err
		}
		own, err := h.Addresses()
		if err != nil || !slices.Contains(own, netip.MustParseAddr("10.244.1.1")) {
			t.Errorf("addresses %v (%v) lack the gateway", own, err)
		}
		expect("br_netfilter not loaded", "cni0")
		sysctl("bridge-nf-call-iptables", "0")
		expect("switched off", "bridge-nf-call-iptables is not 1")
		podCIDRs := prefixes
		prefixes = []netip.Prefix{netip.MustParsePrefix("10.244.1.7/32")}
		expect("without podCIDRs, by the address of a pod", "bridge-nf-call-iptables is not 1")
		prefixes = podCIDRs
		sysctl("bridge-nf-call-iptables", "1")
		expect("on for IPv4, no IPv6 there", "")
		if addr, err = netlink.ParseAddr("fd00:1::1/64"); err != nil {
			return err
		}
		if err := netlink.AddrAdd(br, addr); err != nil {
			return err
		}
		expect("off for IPv6", "ip6tables is not 1")
		sysctl("bridge-nf-call-ip6tables", "1")
		expect("on for both", "")
		return nil
	})
}
