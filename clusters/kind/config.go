package kind

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"

	kindconfigs "github.com/netassay/netassay/kind-configs"
)

// Config is the cluster that is wanted.
type Config struct {
	// ID is the end of the cluster's name, "netassay-ID"; a random one when empty.
	ID string
	// Topology is the name of one of kind-configs; "dual" when empty.
	Topology string
	// NodeImage is what Docker starts as nodes. When empty, the project's own image is
	// used, and built when need be.
	NodeImage string
	// LogDir is where the logs of kind and, when the cluster fails, of its nodes go; none
	// when empty.
	LogDir string
	// Progress, if not nil, is told of what was done, a line at a time.
	Progress func(string)
}

// patience bounds the making of a cluster, without its images.
const patience = 20 * time.Minute

func (c Config) withDefaults() Config {
	if c.ID == "" {
		c.ID = randomID()
	}
	c.Topology = cmp.Or(c.Topology, kindconfigs.Default)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// parse reads a configuration of kind, with kind's own defaults, and refuses what would
// make verdicts meaningless.
func parse(raw []byte) (*v1alpha4.Cluster, error) {
	var c v1alpha4.Cluster
	if err := yaml.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("read kind configuration: %w", err)
	}
	v1alpha4.SetDefaultsCluster(&c)
	if !c.Networking.DisableDefaultCNI {
		return nil, fmt.Errorf("kind configuration: networking.disableDefaultCNI must be true, or kind's own CNI enforces policies beside the engine under test")
	}
	return &c, nil
}

func hasIPv6(c *v1alpha4.Cluster) bool { return c.Networking.IPFamily != v1alpha4.IPv4Family }

// describe is a topology in a few words, for progress.
func describe(c *v1alpha4.Cluster) string {
	return strings.Join([]string{
		fmt.Sprintf("%d nodes", len(c.Nodes)), string(c.Networking.IPFamily), "kube-proxy " + string(c.Networking.KubeProxyMode),
	}, ", ")
}
