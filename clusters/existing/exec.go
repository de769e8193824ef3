package existing

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/netassay/netassay/clusters"
)

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
