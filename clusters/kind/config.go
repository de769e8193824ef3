package kind

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
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

// prefix begins the name of every cluster of ours, and so of its containers and network.
const prefix = "netassay-"

// The labels of the Docker network of a cluster of ours.
const (
	markLabel  = "dev.netassay.cluster" // the cluster's name
	stateLabel = "dev.netassay.state"   // the directory with the lock of its owner
	spaceLabel = "dev.netassay.space"   // the mount namespace in which that directory is
	// kindLabel is what kind's library puts on each node's container.
	kindLabel = "io.x-k8s.kind.cluster"
)

var validID = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// clusterName is the name of the cluster with an id.
func clusterName(id string) (string, error) {
	if !validID.MatchString(id) {
		return "", fmt.Errorf("cluster id %q is not made of 1 to 20 lower-case letters and digits", id)
	}
	return prefix + id, nil
}

// isOurs says that a name has the form of ours. It is never enough by itself to remove
// what carries it.
func isOurs(name string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	return ok && validID.MatchString(id)
}

func randomID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// subnet6 is the IPv6 subnet of a cluster's Docker network: unique local, drawn from its
// name, so that two clusters hardly ever meet.
func subnet6(name string) netip.Prefix {
	sum := sha256.Sum256([]byte(name))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:8], sum[:])
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}
