package kind

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// The CNI configuration is all that makes a node's pods reachable, and it is as dumb as
// can be: a routed veth per pod, addresses from the node's podCIDRs, host ports. Nothing in
// it enforces a policy.
const (
	cniFile    = "/etc/cni/net.d/10-netassay.conflist"
	cniName    = "netassay"
	cniVersion = "1.0.0"
	cniState   = "/run/netassay-cni" // a tmpfs: a node that restarts has no pods
)

// object is a piece of JSON.
type object = map[string]any

// conflist is the CNI configuration of a node.
func conflist(podCIDRs []netip.Prefix) ([]byte, error) {
	var ranges [][]object
	var routes []object
	for _, cidr := range podCIDRs {
		ranges = append(ranges, []object{{"subnet": cidr.String()}})
		routes = append(routes, object{"dst": netip.PrefixFrom(cidr.Addr(), 0).Masked().String()})
	}
	text, err := json.MarshalIndent(object{
		"cniVersion": cniVersion,
		"name":       cniName,
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": false,
				"ipam":   object{"type": "host-local", "dataDir": cniState, "ranges": ranges, "routes": routes},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode CNI configuration: %w", err)
	}
	return append(text, '\n'), nil
}

// routesOf are the commands that lead from a node to the pods of all others. Services get a
// route as well: a node that connects to a Service looks for one before kube-proxy's rules
// see the packet, and has no default route to fall back on.
func routesOf(self string, all []model.Node, services []netip.Prefix) ([]string, error) {
	var commands []string
	for _, other := range all {
		if other.Name == self {
			continue
		}
		for _, cidr := range other.PodCIDRs {
			via := slices.IndexFunc(other.IPs, func(ip netip.Addr) bool { return ip.Is4() == cidr.Addr().Is4() })
			if via < 0 {
				return nil, fmt.Errorf("route to pods of node %s: it has pods in %s and no address of that family", other.Name, cidr)
			}
			commands = append(commands, fmt.Sprintf("ip %s route replace %s via %s", familyFlag(cidr.Addr()), cidr, other.IPs[via]))
		}
	}
	for _, cidr := range services {
		commands = append(commands, fmt.Sprintf("ip %s route replace %s dev eth0", familyFlag(cidr.Addr()), cidr))
	}
	return commands, nil
}

func familyFlag(a netip.Addr) string {
	if a.Is4() {
		return "-4"
	}
	return "-6"
}

// networkScript is what a node's shell runs to connect its pods. It can be run again.
func networkScript(self model.Node, all []model.Node, services []netip.Prefix) (string, error) {
	conf, err := conflist(self.PodCIDRs)
	if err != nil {
		return "", err
	}
	routes, err := routesOf(self.Name, all, services)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "set -eu\nmkdir -p %s\n", cniState)
	for _, r := range routes {
		b.WriteString(r + "\n")
	}
	// Last, and in one step: with this file containerd begins to start pods.
	fmt.Fprintf(&b, "mkdir -p /etc/cni/net.d\ncat >%[1]s.new <<'END'\n%[2]sEND\nmv %[1]s.new %[1]s\n", cniFile, conf)
	return b.String(), nil
}

// closeScript takes a node's default routes and fails when one is left.
const closeScript = `set -eu
for family in -4 -6; do
	for _ in 1 2 3 4; do
		ip $family route del default 2>/dev/null || break
	done
	left=$(ip $family route show default)
	if [ -n "$left" ]; then echo "still there: $left" >&2; exit 1; fi
done
`

// placed reports whether a node has been given ranges for its pods, and an address of its
// own for each.
func placed(n model.Node) bool { return len(n.PodCIDRs) > 0 && len(n.IPs) >= len(n.PodCIDRs) }

// familiesOf are the families of a node's pods, primary first.
func familiesOf(n model.Node) []model.Family {
	var addresses []netip.Addr
	for _, cidr := range n.PodCIDRs {
		addresses = append(addresses, cidr.Addr())
	}
	return model.FamiliesOf(addresses...)
}

// prefixes reads a comma-separated list, as kind's configuration has it.
func prefixes(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for text := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("read subnet %q: %w", text, err)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
