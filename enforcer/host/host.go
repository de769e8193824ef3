package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// Host is a node, seen from inside its network namespace.
type Host struct {
	Proc string // where procfs is
}

// New is the node that the program runs on.
func New() Host { return Host{Proc: "/proc"} }

// ipvsLinks are the interfaces that carry Services' addresses where these are done by IPVS:
// kube-proxy's, and kube-router's. One is left behind when the mode changes; what is on it
// still works as before.
var ipvsLinks = []string{"kube-ipvs0", "kube-dummy-if"}

// IPVS says how the node shows that Services are done by IPVS, "" when it does not. Such
// packets skip FORWARD, and no policy would see them
// (https://github.com/kubernetes-sigs/kube-network-policies/issues/46). Nobody is asked for
// it: whoever gets hold of kube-proxy's port could answer, or not.
func (h Host) IPVS() string {
	for _, name := range ipvsLinks {
		if _, err := net.InterfaceByName(name); err == nil {
			return "interface " + name + " exists"
		}
	}
	return ""
}

// BridgeNF says what is wrong when pods hang on a bridge whose packets iptables does not
// see: between pods of the node no policy would be enforced. "" is well. Bridges of
// pods are those with an address of the given prefixes or, where these are pods' own
// addresses, with one in their subnet.
func (h Host) BridgeNF(pods []netip.Prefix) (problem string, err error) {
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return "", fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		if l.Type() != "bridge" {
			continue
		}
		subnets, err := subnetsOf(l)
		if err != nil {
			return "", fmt.Errorf("list addresses of %s: %w", l.Attrs().Name, err)
		}
		for _, p := range pods {
			key := "bridge-nf-call-iptables"
			if p.Addr().Is6() {
				key = "bridge-nf-call-ip6tables"
			}
			if slices.ContainsFunc(subnets, func(s netip.Prefix) bool { return p.Contains(s.Addr()) || p.IsSingleIP() && s.Contains(p.Addr()) }) && !h.enabled(key) {
				return fmt.Sprintf("pods are on bridge %s and net.bridge.%s is not 1: load br_netfilter and set it, or policies don't apply between pods of this node", l.Attrs().Name, key), nil
			}
		}
	}
	return "", nil
}

func (h Host) enabled(key string) bool {
	text, err := os.ReadFile(filepath.Join(h.Proc, "sys/net/bridge", key))
	return err == nil && strings.TrimSpace(string(text)) == "1"
}

// subnetsOf are the addresses of one interface, or of all of them if it is nil, with the
// lengths of their prefixes.
func subnetsOf(l netlink.Link) ([]netip.Prefix, error) {
	list, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	var out []netip.Prefix
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out, nil
}

// Addresses are those of the node's interfaces, sorted.
func (h Host) Addresses() ([]netip.Addr, error) {
	subnets, err := subnetsOf(nil)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	out := make([]netip.Addr, len(subnets))
	for i, s := range subnets {
		out[i] = s.Addr()
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}
