//go:build linux

package lab

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/controlplane"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/model"
)

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
