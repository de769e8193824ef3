package existing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"

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
	nodeOS      string              // of the nodes that are used, "" is linux
	hasty       bool                // a request that the API server does not take is not tried again
	inside      string              // the namespace of the pod that this runs in, "" outside of one
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
	if !c.hasty {
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return patient{next} })
	}
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

// Exec runs command in a container of a running pod through the API server and the kubelet,
// so over the nodes' network and never over the pods'. It tries WebSocket first and SPDY
// when the API server, or a proxy before it, does not take that.
//
// One loss is out of reach: when the connection between API server and kubelet breaks, the
// API server itself may report success. Whoever must not be deceived has the command say
// something at its end.
func (c *Cluster) Exec(ctx context.Context, namespace, pod, container string, command []string, s clusters.Streams) error {
	where := "exec in " + namespace + "/" + pod
	executor, err := c.executor(namespace, pod, &corev1.PodExecOptions{
		Container: container, Command: command,
		Stdin: s.In != nil, Stdout: s.Out != nil, Stderr: s.Err != nil,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	quiet := klog.NewContext(ctx, klog.Logger{}) // what it would log comes back as an error
	err = executor.StreamWithContext(quiet, remotecommand.StreamOptions{Stdin: s.In, Stdout: s.Out, Stderr: s.Err})
	var exit utilexec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.Exited():
		return &clusters.ExitError{Code: exit.ExitStatus()}
	}
	return fmt.Errorf("%s: %w", where, err)
}

// executor is good for one command.
func (c *Cluster) executor(namespace, pod string, o *corev1.PodExecOptions) (remotecommand.Executor, error) {
	at, err := c.execURL(namespace, pod, o)
	if err != nil {
		return nil, err
	}
	webSocket, err := remotecommand.NewWebSocketExecutor(c.config, "GET", at.String())
	if err != nil {
		return nil, err
	}
	spdy, err := newSPDYExecutor(c.config, at)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(webSocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

func (c *Cluster) execURL(namespace, pod string, o *corev1.PodExecOptions) (*url.URL, error) {
	cfg := rest.CopyConfig(c.config)
	cfg.APIPath, cfg.GroupVersion = "/api", &corev1.SchemeGroupVersion
	cfg.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(cfg)
	if err != nil {
		return nil, err
	}
	return client.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(o, scheme.ParameterCodec).URL(), nil
}
