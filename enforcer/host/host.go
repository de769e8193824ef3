package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// Host is a node, seen from inside its network namespace.
type Host struct {
	Proc      string // where procfs is
	ProxyMode string // URL at which kube-proxy says its mode
}

// New is the node that the program runs on.
func New() Host {
	return Host{Proc: "/proc", ProxyMode: "http://127.0.0.1:10249/proxyMode"}
}

// ipvsLink is the interface that kube-proxy makes in its ipvs mode. It is left behind when
// the mode changes; what carries Service addresses on it still works as before.
const ipvsLink = "kube-ipvs0"

// IPVS says how the node shows that Services are done by IPVS, "" when it does not. Such
// packets skip FORWARD, and no policy would see them
// (https://github.com/kubernetes-sigs/kube-network-policies/issues/46).
func (h Host) IPVS(ctx context.Context) string {
	if _, err := net.InterfaceByName(ipvsLink); err == nil {
		return "interface " + ipvsLink + " exists"
	}
	if h.proxyMode(ctx) == "ipvs" {
		return "kube-proxy reports mode ipvs at " + h.ProxyMode
	}
	return ""
}

// proxyModeTimeout is ample for an answer from the node itself.
const proxyModeTimeout = time.Second

// proxyMode is what kube-proxy says of itself, "" when it says nothing.
func (h Host) proxyMode(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.ProxyMode, nil)
	if err != nil {
		return ""
	}
	client := http.Client{Timeout: proxyModeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// BridgeNF says what is wrong when pods hang on a bridge whose packets iptables does not
// see: between pods of the node no policy would be enforced. "" is well. Only bridges that
// have an address of one of the given prefixes count as bridges of pods.
func (h Host) BridgeNF(podCIDRs []netip.Prefix) (problem string, err error) {
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return "", fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		if l.Type() != "bridge" {
			continue
		}
		ips, err := addressesOf(l)
		if err != nil {
			return "", fmt.Errorf("list addresses of %s: %w", l.Attrs().Name, err)
		}
		for _, p := range podCIDRs {
			key := "bridge-nf-call-iptables"
			if p.Addr().Is6() {
				key = "bridge-nf-call-ip6tables"
			}
			if slices.ContainsFunc(ips, p.Contains) && !h.enabled(key) {
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

// addressesOf are those of one interface, or of all of them if it is nil.
func addressesOf(l netlink.Link) ([]netip.Addr, error) {
	list, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			out = append(out, ip.Unmap())
		}
	}
	return out, nil
}

// Addresses are those of the node's interfaces, sorted.
func (h Host) Addresses() ([]netip.Addr, error) {
	out, err := addressesOf(nil)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}
