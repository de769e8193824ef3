//go:build linux

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/model"
)

// setting is a sysctl below net of the calling thread's network namespace.
type setting struct {
	name  string // with slashes, below /proc/sys/net
	value string
}

// quiet are the settings of every namespace: addresses are usable at once, nobody listens
// to router advertisements, and the reverse path is not the network's to judge.
func quiet() []setting {
	return []setting{
		{"ipv6/conf/all/disable_ipv6", "0"},
		{"ipv6/conf/default/disable_ipv6", "0"},
		{"ipv6/conf/default/accept_dad", "0"},
		{"ipv6/conf/default/dad_transmits", "0"},
		{"ipv6/conf/default/accept_ra", "0"},
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
	}
}

// router are the settings of a node besides quiet.
func router() []setting {
	return []setting{
		{"ipv4/ip_forward", "1"},
		{"ipv6/conf/all/forwarding", "1"},
		{"ipv6/conf/default/forwarding", "1"},
		{"ipv4/conf/all/send_redirects", "0"},
		{"ipv4/conf/default/send_redirects", "0"},
		{"ipv4/conf/all/route_localnet", "1"},
	}
}

// forgetful are the settings of a node's connection tracking: probes leave thousands of
// ended flows behind, which kube-proxy reads through at each of its syncs. Flows that live
// are remembered as long as anywhere.
func forgetful() []setting {
	return []setting{
		{"netfilter/nf_conntrack_tcp_timeout_syn_sent", "5"},
		{"netfilter/nf_conntrack_tcp_timeout_close", "2"},
		{"netfilter/nf_conntrack_tcp_timeout_time_wait", "5"},
		{"netfilter/nf_conntrack_udp_timeout", "10"},
	}
}

// anybody are the settings of the world besides quiet: who has a range by a route may also
// leave from each of its addresses, which goes without saying in IPv4 only.
func anybody() []setting { return []setting{{"ipv6/ip_nonlocal_bind", "1"}} }

// deadEnd are the settings of the control plane besides quiet: it forwards nothing.
func deadEnd() []setting {
	return []setting{
		{"ipv4/ip_forward", "0"},
		{"ipv6/conf/all/forwarding", "0"},
	}
}

// apply writes settings; those of IPv6 are left out when the lab has none and the kernel
// may not either.
func apply(f model.Families, settings ...[]setting) error {
	for _, list := range settings {
		for _, s := range list {
			if !f.Has(model.IPv6) && strings.HasPrefix(s.name, "ipv6/") {
				continue
			}
			err := os.WriteFile(filepath.Join("/proc/sys/net", s.name), []byte(s.value), 0o644)
			if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(s.name, "ipv6/") {
				return errors.New("this kernel has no IPv6: start the lab with IP family ipv4")
			}
			if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(s.name, "netfilter/") {
				continue // connection tracking is a module that nothing has loaded yet
			}
			if err != nil {
				return fmt.Errorf("set sysctl net/%s: %w", s.name, err)
			}
		}
	}
	return nil
}
