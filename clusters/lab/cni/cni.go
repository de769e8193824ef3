// Package cni calls the CNI plugin that an engine has chained behind the lab's own network, as a
// container runtime does: ADD after a pod was attached, DEL before it is let go.
//
// It decides what the plugin is told: environment, configuration and what the lab's network did
// before it (prevResult, as the plugin ptp would leave it). It must never touch a link, and a
// plugin's failure is the pod's: without ADD there is no pod, as on any node. The CHECK of the
// specification is not called; runtimes don't either.
package cni

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"

	"github.com/netassay/netassay/engines"
)

// netnsDir is where the network namespaces of pods are found by name.
const netnsDir = "/run/netns"

// Pod is a pod that the lab's network has attached.
type Pod struct {
	NetNS                string // name of its network namespace
	Namespace, Name, UID string
	Link                 string // the node's side of its veth
	IPs                  []netip.Addr
}

// Chain is a plugin on a node.
type Chain struct {
	Plugin engines.Plugin
	// Run runs a program to its end in the node's network namespace.
	Run func(ctx context.Context, env []string, stdin string, argv ...string) error
}

// Add tells the plugin of a pod that was attached.
func (c Chain) Add(ctx context.Context, p Pod) error { return c.call(ctx, "ADD", p) }

// Del tells the plugin of a pod that will be let go. The plugin must take it that it knows
// nothing of the pod.
func (c Chain) Del(ctx context.Context, p Pod) error { return c.call(ctx, "DEL", p) }

func (c Chain) call(ctx context.Context, verb string, p Pod) error {
	conf, err := c.config(p)
	if err != nil {
		return fmt.Errorf("CNI %s of %s/%s: %w", verb, p.Namespace, p.Name, err)
	}
	if err := c.Run(ctx, c.env(verb, p), string(conf), c.Plugin.Path); err != nil {
		return fmt.Errorf("CNI %s of %s/%s: %w", verb, p.Namespace, p.Name, err)
	}
	return nil
}

func (c Chain) env(verb string, p Pod) []string {
	id := sha256.Sum256([]byte(p.NetNS))
	return append([]string{
		"CNI_COMMAND=" + verb,
		"CNI_CONTAINERID=" + hex.EncodeToString(id[:]), // in the form that runtimes give it
		"CNI_NETNS=" + filepath.Join(netnsDir, p.NetNS),
		"CNI_IFNAME=eth0",
		"CNI_PATH=" + filepath.Dir(c.Plugin.Path),
		"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=" + p.Namespace + ";K8S_POD_NAME=" + p.Name + ";K8S_POD_UID=" + p.UID,
	}, c.Plugin.Env...)
}

// config is the plugin's configuration with what was done before it.
func (c Chain) config(p Pod) ([]byte, error) {
	conf := maps.Clone(c.Plugin.Config)
	const inPod = 1 // index of the pod's own interface
	ips := []any{}
	for _, ip := range p.IPs {
		ips = append(ips, map[string]any{"address": netip.PrefixFrom(ip, ip.BitLen()).String(), "interface": inPod})
	}
	conf["prevResult"] = map[string]any{
		"cniVersion": conf["cniVersion"],
		"interfaces": []any{
			map[string]any{"name": p.Link},
			map[string]any{"name": "eth0", "sandbox": filepath.Join(netnsDir, p.NetNS)},
		},
		"ips": ips,
	}
	return json.Marshal(conf)
}
