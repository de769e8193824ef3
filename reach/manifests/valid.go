package manifests

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/suites/oracle"
)

// valid refuses what every API server would refuse, one line for each mistake.
func valid(d *strictyaml.Document, p *netv1.NetworkPolicy) error {
	spec := field.NewPath("spec")
	found := validation.ValidateLabelSelector(&p.Spec.PodSelector, validation.LabelSelectorValidationOptions{}, spec.Child("podSelector"))
	for i, t := range p.Spec.PolicyTypes {
		if t != netv1.PolicyTypeIngress && t != netv1.PolicyTypeEgress {
			found = append(found, field.NotSupported(spec.Child("policyTypes").Index(i), t, []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}))
		}
	}
	for _, in := range []struct {
		direction    netv1.PolicyType
		rules, peers string
	}{{netv1.PolicyTypeIngress, "ingress", "from"}, {netv1.PolicyTypeEgress, "egress", "to"}} {
		for i, rule := range oracle.Rules(&p.Spec, in.direction) {
			at := spec.Child(in.rules).Index(i)
			for j := range rule.Peers {
				found = append(found, validPeer(&rule.Peers[j], at.Child(in.peers).Index(j))...)
			}
			for j := range rule.Ports {
				found = append(found, validPort(&rule.Ports[j], at.Child("ports").Index(j))...)
			}
		}
	}
	var errs []error
	for _, e := range found {
		errs = append(errs, d.ErrorOn(d.At(steps(e.Field)...), "%s: %s", e.Field, told(e)))
	}
	return errors.Join(errs...)
}

// told is what a field's error says, without the field.
func told(e *field.Error) string {
	return strings.ToLower(e.Type.String()[:1]) + strings.TrimPrefix(e.ErrorBody(), e.Type.String()[:1])
}

func validPeer(p *netv1.NetworkPolicyPeer, at *field.Path) (found field.ErrorList) {
	selectors := p.PodSelector != nil || p.NamespaceSelector != nil
	switch {
	case p.IPBlock == nil && !selectors:
		return field.ErrorList{field.Required(at, "a peer names nobody: give a podSelector, a namespaceSelector or an ipBlock")}
	case p.IPBlock != nil && selectors:
		return field.ErrorList{field.Forbidden(at, "ipBlock can't stand beside a selector: make two peers of it")}
	case p.IPBlock != nil:
		return validBlock(p.IPBlock, at.Child("ipBlock"))
	}
	if p.PodSelector != nil {
		found = append(found, validation.ValidateLabelSelector(p.PodSelector, validation.LabelSelectorValidationOptions{}, at.Child("podSelector"))...)
	}
	if p.NamespaceSelector != nil {
		found = append(found, validation.ValidateLabelSelector(p.NamespaceSelector, validation.LabelSelectorValidationOptions{}, at.Child("namespaceSelector"))...)
	}
	return found
}

func validBlock(b *netv1.IPBlock, at *field.Path) field.ErrorList {
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return field.ErrorList{field.Invalid(at.Child("cidr"), b.CIDR, "want a CIDR, such as 10.0.0.0/8 or 2001:db8::/64")}
	}
	var found field.ErrorList
	for i, text := range b.Except {
		at := at.Child("except").Index(i)
		except, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			found = append(found, field.Invalid(at, text, "want a CIDR, such as 10.0.0.0/8 or 2001:db8::/64"))
		case !cidr.Masked().Contains(except.Masked().Addr()) || except.Bits() <= cidr.Bits():
			found = append(found, field.Invalid(at, text, fmt.Sprintf("want a part of cidr %s that is smaller than it", b.CIDR)))
		}
	}
	return found
}

func validPort(p *netv1.NetworkPolicyPort, at *field.Path) (found field.ErrorList) {
	protocols := sets.New(corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	if p.Protocol != nil && !protocols.Has(*p.Protocol) {
		found = append(found, field.NotSupported(at.Child("protocol"), *p.Protocol, sets.List(protocols)))
	}
	number := func(at *field.Path, n int32) {
		for _, problem := range utilvalidation.IsValidPortNum(int(n)) {
			found = append(found, field.Invalid(at, n, problem))
		}
	}
	switch {
	case p.Port == nil:
		if p.EndPort != nil {
			found = append(found, field.Required(at.Child("port"), "endPort ends a range: give the port where it begins"))
		}
		return found
	case p.Port.Type == intstr.String:
		for _, problem := range utilvalidation.IsValidPortName(p.Port.StrVal) {
			found = append(found, field.Invalid(at.Child("port"), p.Port.StrVal, problem))
		}
		if p.EndPort != nil {
			found = append(found, field.Forbidden(at.Child("endPort"), "a named port begins no range: give port as a number"))
		}
		return found
	}
	number(at.Child("port"), p.Port.IntVal)
	if p.EndPort != nil {
		number(at.Child("endPort"), *p.EndPort)
		if *p.EndPort < p.Port.IntVal {
			found = append(found, field.Invalid(at.Child("endPort"), *p.EndPort, fmt.Sprintf("want %d, the port, or more", p.Port.IntVal)))
		}
	}
	return found
}

// steps are the keys and indexes of a field's path: spec, ingress, 0, from.
func steps(path string) []any {
	var out []any
	for _, key := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if i, err := strconv.Atoi(key); err == nil {
			out = append(out, i)
		} else {
			out = append(out, key)
		}
	}
	return slices.Clip(out)
}
