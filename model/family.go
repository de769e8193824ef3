package model

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Family is an IP family, spelled as the API spells it.
type Family string

// The families.
const (
	IPv4 = Family(corev1.IPv4Protocol)
	IPv6 = Family(corev1.IPv6Protocol)
)

// FamilyOf is the family of an address; a v4-mapped one is IPv4.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// First is the first of the addresses that is of the family, the zero Addr when there is none.
func (f Family) First(addrs []netip.Addr) netip.Addr {
	for _, a := range addrs {
		if FamilyOf(a) == f {
			return a
		}
	}
	return netip.Addr{}
}

// FamiliesOf are the families of addresses, without repeats, in the order in which they
// come.
func FamiliesOf(addrs ...netip.Addr) []Family {
	var out []Family
	for _, a := range addrs {
		if f := FamilyOf(a); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// PerFamily is what belongs to each of the families, in their order.
func PerFamily[T any](families []Family, v4, v6 T) []T {
	out := make([]T, 0, len(families))
	for _, f := range families {
		if f == IPv6 {
			out = append(out, v6)
		} else {
			out = append(out, v4)
		}
	}
	return out
}

// FamiliesFromAPI are the families that an API object lists, in its order.
func FamiliesFromAPI(list []corev1.IPFamily) []Family {
	var out []Family
	for _, f := range list {
		out = append(out, Family(f))
	}
	return out
}

// Families is a choice of families, as flags and profiles spell it.
type Families string

// The choices.
const (
	OnlyIPv4 Families = "ipv4"
	OnlyIPv6 Families = "ipv6"
	Dual     Families = "dual"
)

// ParseFamilies reads "ipv4", "ipv6" or "dual".
func ParseFamilies(s string) (Families, error) {
	f := Families(s)
	if len(f.List()) == 0 {
		return "", fmt.Errorf("IP families %q are none of %s, %s, %s", s, OnlyIPv4, OnlyIPv6, Dual)
	}
	return f, nil
}

// List is what is chosen, IPv4 first.
func (f Families) List() []Family {
	switch f {
	case OnlyIPv4:
		return []Family{IPv4}
	case OnlyIPv6:
		return []Family{IPv6}
	case Dual:
		return []Family{IPv4, IPv6}
	}
	return nil
}

// Has reports whether the family is chosen.
func (f Families) Has(one Family) bool { return slices.Contains(f.List(), one) }
