package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/controlplane"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/model"
)

// Programs are those that a lab runs. The last may be missing in one without servers.
func Programs() []binaries.Name {
	return []binaries.Name{
		binaries.Etcd, binaries.KubeAPIServer, binaries.KubeControllerManager, binaries.KubeProxy, binaries.Agnhost,
	}
}

// Config says what lab to start. The zero value of a field means its default.
type Config struct {
	Name     string // default "lab"
	Nodes    int    // default 3
	Families string // "ipv4", "ipv6" or "dual"; default dual
	// ProxyMode is kube-proxy's: "nftables" (the default) or "iptables". By iptables all that
	// reads or writes a table on the node takes longer.
	ProxyMode string
	Programs  binaries.Set
	Probe     string // path of the prober; may be empty in a lab that probes nothing
	// RBAC makes the API server ask RBAC about those who are no admins of the lab, whom it
	// otherwise lets do anything.
	RBAC bool
	// LogDir gets a file per program and a directory per pod; default a directory in memory.
	LogDir string
	// Door, when not nil, is a listener outside of the sandbox through which the API
	// server is reached at the door's address; the lab closes it.
	Door net.Listener `json:"-"`
	// Kubeconfig, when not empty, is a file to write for clients that come through Door.
	Kubeconfig string
	// Progress gets a line for each phase; nil is silent.
	Progress func(line string) `json:"-"`
}

// privateDir holds what must not outlive the lab: keys and etcd's data. It is in the
// sandbox's own memory.
const privateDir = "/run/netassay"

// complete fills in defaults and checks, naming field and cure.
func (c *Config) complete() (network.Plan, error) {
	if c.Name == "" {
		c.Name = "lab"
	}
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	if c.ProxyMode == "" {
		c.ProxyMode = "nftables"
	}
	if c.LogDir == "" {
		c.LogDir = privateDir + "/logs"
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	c.Families = cmp.Or(c.Families, string(model.Dual))
	families, err := model.ParseFamilies(c.Families)
	plan := network.Plan{Families: families}
	switch {
	case err != nil:
		return plan, fmt.Errorf("start lab: %w", err)
	case c.Nodes < 1 || c.Nodes > network.MaxNodes:
		return plan, fmt.Errorf("start lab: nodes %d is not in 1..%d", c.Nodes, network.MaxNodes)
	case !slices.Contains(controlplane.ProxyModes(), c.ProxyMode):
		return plan, fmt.Errorf("start lab: proxy mode %q is none of %s", c.ProxyMode, strings.Join(controlplane.ProxyModes(), ", "))
	case c.Kubeconfig != "" && c.Door == nil:
		return plan, errors.New("start lab: Config.Kubeconfig needs Config.Door")
	}
	for _, name := range Programs() {
		if _, err := os.Stat(c.Programs.Path(name)); err != nil && name != binaries.Agnhost {
			return plan, fmt.Errorf("start lab: program %s: %w", name, err)
		}
	}
	return plan, nil
}
