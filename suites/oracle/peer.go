package oracle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"

	"github.com/netassay/netassay/model"
)

// matchingPeer names the first peer of a rule that the other end matches.
//
// API: "Items in this list are combined using a logical OR operation. If this field is
// empty or missing, this rule matches all sources (traffic not restricted by source)."
func matchingPeer(s model.Snapshot, policyNamespace string, peers []netv1.NetworkPolicyPeer, d side) (string, bool) {
	if len(peers) == 0 {
		return "", true
	}
	for i := range peers {
		if matchesPeer(s, policyNamespace, &peers[i], d) {
			return fmt.Sprintf(" peer %d", i), true
		}
	}
	return "", false
}

func matchesPeer(s model.Snapshot, policyNamespace string, peer *netv1.NetworkPolicyPeer, d side) bool {
	// API: "ipBlock defines policy on a particular IPBlock. If this field is set then
	// neither of the other fields can be."
	if peer.IPBlock != nil {
		return peer.PodSelector == nil && peer.NamespaceSelector == nil && matchesIPBlock(peer.IPBlock, d.peerAddr)
	}

	// Selectors select pods. A node, a hostNetwork pod and the world outside are none.
	if d.peer == nil {
		return false
	}
	switch {
	// API: "If podSelector is also set, then the NetworkPolicyPeer as a whole selects the
	// pods matching podSelector in the namespaces selected by namespaceSelector. [...]
	// if present but empty, it selects all namespaces."
	case peer.NamespaceSelector != nil && peer.PodSelector != nil:
		return matchesNamespace(s, peer.NamespaceSelector, d.peer.Namespace) &&
			Matches(peer.PodSelector, d.peer.Labels)

	// API: "Otherwise it selects all pods in the namespaces selected by namespaceSelector."
	case peer.NamespaceSelector != nil:
		return matchesNamespace(s, peer.NamespaceSelector, d.peer.Namespace)

	// API: "Otherwise it selects the pods matching podSelector in the policy's own namespace."
	case peer.PodSelector != nil:
		return d.peer.Namespace == policyNamespace && Matches(peer.PodSelector, d.peer.Labels)

	// A peer that names nobody is refused by the API server.
	default:
		return false
	}
}

// matchesNamespace finds the namespace's labels. A namespace that is not in the state has
// none that could be matched, not even by an empty selector.
func matchesNamespace(s model.Snapshot, selector *metav1.LabelSelector, name string) bool {
	return slices.ContainsFunc(s.Namespaces, func(n model.Namespace) bool { return n.Name == name && Matches(selector, n.Labels) })
}

// Matches decides whether a selector matches these labels.
//
// API (meta/v1): "The result of matchLabels and matchExpressions are ANDed. An empty label
// selector matches all objects." NotIn and DoesNotExist match objects without the key. A
// selector that is not valid matches nothing; that is for peers, of subjects see unreadable.
func Matches(selector *metav1.LabelSelector, set map[string]string) bool {
	for k, v := range selector.MatchLabels {
		if got, ok := set[k]; !ok || got != v {
			return false
		}
	}
	return readable(selector) && !slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
		return !Meets(r, set)
	})
}

// Meets decides whether labels meet one requirement of a selector.
func Meets(r metav1.LabelSelectorRequirement, set map[string]string) bool {
	got, has := set[r.Key]
	switch r.Operator {
	case metav1.LabelSelectorOpIn:
		return has && slices.Contains(r.Values, got)
	case metav1.LabelSelectorOpNotIn:
		return !has || !slices.Contains(r.Values, got)
	case metav1.LabelSelectorOpExists:
		return has
	case metav1.LabelSelectorOpDoesNotExist:
		return !has
	}
	return false
}

// readable reports whether some API server took the selector. Those before Kubernetes 1.24
// took values in matchExpressions that no label can have, and those of today keep them
// (AllowInvalidLabelValueInSelector): "In" such a value is nobody, "NotIn" it everybody.
func readable(selector *metav1.LabelSelector) bool {
	return len(validation.ValidateLabelSelector(selector, validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: true}, nil)) == 0
}

// matchesIPBlock decides whether a block holds an address.
//
// API: "IPBlock describes a particular CIDR (Ex. "192.168.1.0/24","2001:db8::/64") that is
// allowed to the pods matched by a NetworkPolicySpec's podSelector. The except entry
// describes CIDRs that should not be included within this rule."
//
// "Within this rule": an address that one peer excepts, another peer or policy can allow.
func matchesIPBlock(block *netv1.IPBlock, addr netip.Addr) bool {
	cidr, ok := ParseCIDR(block.CIDR)
	if !ok || !cidr.Contains(addr) {
		return false
	}
	for _, e := range block.Except {
		except, ok := ParseCIDR(e)
		if !ok || except.Contains(addr) {
			return false
		}
	}
	return true
}

// ParseCIDR reads a CIDR as the API server's own validation does (or did, when the object
// was stored): host bits are ignored, leading zeros are decimal, and an IPv4-mapped block
// of at least 96 bits is the IPv4 block in it.
func ParseCIDR(text string) (netip.Prefix, bool) {
	address, length, ok := strings.Cut(text, "/")
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(withoutLeadingZeros(address) + "/" + trimZeros(length))
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// withoutLeadingZeros makes 010.020.0.0 into 10.20.0.0, also at the end of an IPv6 address.
func withoutLeadingZeros(address string) string {
	head, v4 := "", address
	if i := strings.LastIndexByte(address, ':'); i >= 0 {
		head, v4 = address[:i+1], address[i+1:]
	}
	if !strings.Contains(v4, ".") {
		return address
	}
	parts := strings.Split(v4, ".")
	for i, p := range parts {
		parts[i] = trimZeros(p)
	}
	return head + strings.Join(parts, ".")
}

func trimZeros(digits string) string {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}
