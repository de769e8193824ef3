package model

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestFamilyOf(t *testing.T) {
	var addrs []netip.Addr
	for _, tc := range []struct {
		addr string
		want Family
	}{
		{"10.0.0.1", IPv4},
		{"::ffff:10.0.0.1", IPv4},
		{"fd00::1", IPv6},
	} {
		a := netip.MustParseAddr(tc.addr)
		if got := FamilyOf(a); got != tc.want {
			t.Errorf("FamilyOf(%s) = %s, want %s", a, got, tc.want)
		}
		addrs = append(addrs, a)
	}
	if got := IPv6.First(addrs); got != addrs[2] {
		t.Errorf("first IPv6 address of %v is %s", addrs, got)
	}
	if got := IPv6.First(addrs[:2]); got.IsValid() {
		t.Errorf("first IPv6 address of %v is %s, want none", addrs[:2], got)
	}
	if diff := cmp.Diff([]Family{IPv6, IPv4}, FamiliesOf(addrs[2], addrs[0], addrs[1])); diff != "" {
		t.Errorf("families of addresses (-want +got):\n%s", diff)
	}
}

func TestFamiliesKeepTheOrderOfTheAPI(t *testing.T) {
	got := FamiliesFromAPI([]corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol})
	if diff := cmp.Diff([]Family{IPv6, IPv4}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"six", "four"}, PerFamily(got, "four", "six")); diff != "" {
		t.Errorf("per family (-want +got):\n%s", diff)
	}
}

func TestParseFamilies(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []Family
	}{
		{"ipv4", []Family{IPv4}},
		{"ipv6", []Family{IPv6}},
		{"dual", []Family{IPv4, IPv6}},
	} {
		got, err := ParseFamilies(tc.text)
		if err != nil {
			t.Errorf("ParseFamilies(%q): %v", tc.text, err)
		}
		if diff := cmp.Diff(tc.want, got.List()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.text, diff)
		}
		if got.Has(IPv4) != (tc.text != "ipv6") || got.Has(IPv6) != (tc.text != "ipv4") {
			t.Errorf("%s has IPv4 %t, IPv6 %t", tc.text, got.Has(IPv4), got.Has(IPv6))
		}
	}
	for _, text := range []string{"", "IPv4", "both", "ipv4,ipv6"} {
		if _, err := ParseFamilies(text); err == nil {
			t.Errorf("ParseFamilies(%q) gives no error", text)
		}
	}
}
