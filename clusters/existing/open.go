package existing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/netassay/netassay/probe/podspec"
)

// Options say which cluster, and what is special about it. The zero value is what kubectl
// would use, with published images.
type Options struct {
	// Kubeconfig is a file and Context one of its contexts. When both are empty: the files
	// of the environment variable KUBECONFIG, else ~/.kube/config, with the current
	// context; in a pod without any of these, its service account.
	Kubeconfig, Context string
	// Images are the references that nodes pull, by the names that suites use ("agnhost",
	// "probe"). What is missing comes from Registry.
	Images map[string]string
	// Registry, "host[:port]/path", is where a copy of the published images is, by their
	// last names and tags. Empty: where they are published.
	Registry string
	// Families is "ipv4", "ipv6" or "dual"; empty: found out.
	Families string
	// Tolerations allow nodes whose taints would keep pods away.
	Tolerations []corev1.Toleration
	// NodeOS is the operating system of the nodes that are used: "linux", the default, or "windows".
	NodeOS string
}

// Open connects to a cluster and finds out its nodes and families. That is as far as it
// goes: see Preflight.
func Open(ctx context.Context, o Options) (*Cluster, error) {
	cfg, name, inside, err := reach(o)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(unhurried(cfg))
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("no permission to list nodes of %s%s%s", name, user(ctx, client), narrow(ctx, client))
	}
	if err != nil {
		return nil, fmt.Errorf("list nodes of %s: %w", name, err)
	}
	families, err := familiesOf(ctx, client, o.Families, nodes.Items)
	if err != nil {
		return nil, err
	}
	tolerations := slices.Clone(o.Tolerations)
	if o.NodeOS == podspec.Windows {
		tolerations = append(tolerations, podspec.WindowsTaint())
	}
	c := FromREST(cfg, name, usable(nodes.Items, tolerations, o.NodeOS), families, o.images())
	c.tolerations, c.nodeOS = tolerations, o.NodeOS
	if inside {
		c.inside = ownNamespace()
	}
	return c, nil
}

// Connect is a cluster of which nothing is known yet but how it is reached, for those who only
// read: nothing is asked of it. Somebody waits, and can ask again: an API server that is away is
// not waited for.
func Connect(o Options) (*Cluster, error) {
	cfg, name, _, err := reach(o)
	if err != nil {
		return nil, err
	}
	c := FromREST(cfg, name, nil, nil, nil)
	c.hasty = true
	return c, nil
}

// reach is the configuration by kubectl's rules, and a name for the cluster. inside says that it
// is the one that this pod is in.
func reach(o Options) (cfg *rest.Config, name string, inside bool, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	if cfg, err = loader.ClientConfig(); err != nil {
		return nil, "", false, fmt.Errorf("read kubeconfig: %w: name one by --kubeconfig, and a context by --context", err)
	}
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", false, fmt.Errorf("read kubeconfig: %w", err)
	}
	return cfg, cmp.Or(o.Context, raw.CurrentContext, hostOf(cfg.Host)), len(raw.Clusters) == 0, nil
}

// hostOf is the host of an API server's address.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// published is where an image of a suite is to be had.
func published() map[string]string {
	return map[string]string{
		"agnhost": "registry.k8s.io/e2e-test-images/agnhost:2.66.1",
		"probe":   "ghcr.io/netassay/probe:latest",
	}
}

// Published is where an image of ours is published that no suite runs in pods, or its copy in a
// registry, as Options has it.
func Published(name, registry string) string {
	return copied("ghcr.io/netassay/"+name+":latest", registry)
}

// copied is the copy of an image in a registry; the image itself when that is "".
func copied(ref, registry string) string {
	if registry == "" {
		return ref
	}
	return strings.TrimSuffix(registry, "/") + ref[strings.LastIndex(ref, "/"):]
}

func (o Options) images() map[string]string {
	images := published()
	for name, ref := range images {
		images[name] = copied(ref, o.Registry)
	}
	maps.Copy(images, o.Images)
	return images
}

// errNoFamilies is for clusters that tell nothing about the addresses of their pods.
var errNoFamilies = errors.New("find IP families: neither nodes nor pods nor Services tell: name them by --ip-family")
