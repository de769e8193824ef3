package existing

import (
	"maps"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
)

// Cluster is a cluster that is reached through its API server alone. It is a
// clusters.Cluster.
type Cluster struct {
	config   *rest.Config
	name     string
	nodes    []string
	families []model.Family
	images   map[string]string

	tolerations []corev1.Toleration // of taints of nodes
}

var _ clusters.Cluster = (*Cluster)(nil)

// FromREST is the cluster that cfg reaches, for those who know already what Open finds out:
// the nodes that can hold pods, the families of pods with the primary first, and the images
// by the names that suites use ("agnhost", "probe"). It asks nothing of the cluster.
func FromREST(cfg *rest.Config, name string, nodes []string, families []model.Family, images map[string]string) *Cluster {
	return &Cluster{
		config: unhurried(cfg), name: name, nodes: slices.Sorted(slices.Values(nodes)),
		families: slices.Clone(families), images: maps.Clone(images),
	}
}

// unhurried is a copy of cfg without the client's own limit of its rate: a suite's requests
// come in bursts, and the API server knows best what is too much for it.
func unhurried(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	if cfg.RateLimiter == nil && cfg.QPS == 0 {
		cfg.QPS, cfg.Burst = -1, -1
	}
	return cfg
}

// Name is the name that Open chose or FromREST was given.
func (c *Cluster) Name() string { return c.name }

// REST is a fresh configuration for clients, with the rights of the kubeconfig's user. Its
// clients are patient with an API server that is away for a moment or asks for less.
func (c *Cluster) REST() *rest.Config {
	cfg := rest.CopyConfig(c.config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return patient{next} })
	return cfg
}

// Families are the IP families of pods, primary first.
func (c *Cluster) Families() []model.Family { return slices.Clone(c.families) }

// Nodes are the nodes that can hold pods, sorted.
func (c *Cluster) Nodes() []string { return slices.Clone(c.nodes) }

// Image is what the cluster's nodes pull for name, and name itself when nobody said.
func (c *Cluster) Image(name string) string {
	if ref, ok := c.images[name]; ok {
		return ref
	}
	return name
}
