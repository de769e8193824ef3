package kind

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/netassay/netassay/model"
)

const pollEvery = 200 * time.Millisecond

// runScript runs a script by a node's shell.
func runScript(ctx context.Context, n nodes.Node, script string) error {
	var complaints bytes.Buffer
	err := n.CommandContext(ctx, "sh", "-s").SetStdin(strings.NewReader(script)).SetStderr(&complaints).Run()
	if err != nil {
		return fmt.Errorf("run script: %w: %s", err, lastLines(complaints.String(), 3))
	}
	return nil
}

// Load imports an image archive, as docker save writes it, into all nodes.
func (c *Cluster) Load(ctx context.Context, path string) error {
	return c.onNodes(ctx, func(ctx context.Context, n nodes.Node) error { return load(ctx, n, archive{ref: path, path: path}) })
}

// load imports an image archive into a node's containerd. Kind's library knows no context
// here: the import ends with the node.
func load(ctx context.Context, n nodes.Node, a archive) error {
	f, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("load image %s: %w", a.ref, err)
	}
	done := make(chan error, 1)
	go func() {
		defer f.Close()
		done <- nodeutils.LoadImageArchive(n, f)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("load image %s: %w", a.ref, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connectPods waits until every node has been given podCIDRs and writes each node's CNI
// configuration and routes.
func (c *Cluster) connectPods(ctx context.Context) ([]model.Node, error) {
	services, err := c.services()
	if err != nil {
		return nil, err
	}
	var places []model.Node
	err = c.poll(ctx, "nodes to get podCIDRs", func(ctx context.Context) (missing string, err error) {
		places, missing, err = c.places(ctx)
		return missing, err
	})
	if err != nil {
		return nil, err
	}
	return places, c.onNodes(ctx, func(ctx context.Context, n nodes.Node) error {
		i := slices.IndexFunc(places, func(p model.Node) bool { return p.Name == n.String() })
		if i < 0 {
			return fmt.Errorf("no Node object has that name")
		}
		script, err := networkScript(places[i], places, services)
		if err != nil {
			return err
		}
		return runScript(ctx, n, script)
	})
}

// places are where the nodes are; missing says which has no place yet.
func (c *Cluster) places(ctx context.Context) (places []model.Node, missing string, err error) {
	list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", err
	}
	for i := range list.Items {
		n := model.NodeFromAPI(&list.Items[i])
		if !placed(n) {
			return nil, "node " + n.Name, nil
		}
		places = append(places, n)
	}
	if len(places) < len(c.spec.Nodes) {
		return nil, fmt.Sprintf("%d of %d nodes", len(c.spec.Nodes)-len(places), len(c.spec.Nodes)), nil
	}
	return places, "", nil
}

// awaitReady waits until the nodes are ready, and kube-proxy and DNS with them.
func (c *Cluster) awaitReady(ctx context.Context) error {
	return c.poll(ctx, "cluster to be ready", func(ctx context.Context) (string, error) {
		list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			if why := notReady(&list.Items[i]); why != "" {
				return why, nil
			}
		}
		ds, err := c.client.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if ds.Status.DesiredNumberScheduled < int32(len(list.Items)) || ds.Status.NumberReady < ds.Status.DesiredNumberScheduled {
			return fmt.Sprintf("kube-proxy is ready on %d of %d nodes", ds.Status.NumberReady, len(list.Items)), nil
		}
		return c.dnsNotReady(ctx)
	})
}

// notReady says why a node is not ready, "" when it is.
func notReady(n *corev1.Node) string {
	for _, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			if condition.Status == corev1.ConditionTrue {
				return ""
			}
			return fmt.Sprintf("node %s is not ready: %s", n.Name, condition.Message)
		}
	}
	return fmt.Sprintf("node %s has not said whether it is ready", n.Name)
}

// dnsNotReady says why names can't be resolved yet. A node image may come without DNS.
func (c *Cluster) dnsNotReady(ctx context.Context) (string, error) {
	d, err := c.client.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentAvailable && condition.Status == corev1.ConditionTrue {
			return "", nil
		}
	}
	return fmt.Sprintf("coredns: %d of %d pods are ready", d.Status.ReadyReplicas, d.Status.Replicas), nil
}

// poll asks until nothing is missing. An API server that does not answer for a moment is
// asked again.
func (c *Cluster) poll(ctx context.Context, what string, missing func(context.Context) (string, error)) error {
	last := "not asked yet"
	err := wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		why, err := missing(ctx)
		if err != nil {
			last = err.Error()
			return false, nil
		}
		last = why
		return why == "", nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s (last: %s): %w", what, last, err)
	}
	return nil
}

// bootedScript fails as long as a node is still starting: kind's entry point needs the
// default route, and gives up without.
const bootedScript = "set -e\nsystemctl is-active --quiet kubelet\n"

// RestartNode restarts a node as a machine does: what was in its kernel is gone, what is on
// its disk is not. It returns when the node's pods can be connected again; they take a
// while to come back.
func (c *Cluster) RestartNode(ctx context.Context, name string) error {
	i := slices.IndexFunc(c.nodes, func(n nodes.Node) bool { return n.String() == name })
	if i < 0 {
		return fmt.Errorf("restart node %s: the cluster has none of that name", name)
	}
	if _, err := c.docker(ctx, "restart", "--time=10", name); err != nil {
		return fmt.Errorf("restart node %s: %w", name, err)
	}
	services, err := c.services()
	if err != nil {
		return err
	}
	return c.poll(ctx, "node "+name+" to be back", func(ctx context.Context) (string, error) {
		places, missing, err := c.places(ctx)
		if err != nil || missing != "" {
			return missing, err
		}
		self := slices.IndexFunc(places, func(p model.Node) bool { return p.Name == name })
		script, err := networkScript(places[self], places, services)
		if err != nil {
			return "", err
		}
		return "", runScript(ctx, c.nodes[i], bootedScript+script+closeScript)
	})
}
