package lab

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/kubelet/environ"
	"github.com/netassay/netassay/probe/pods"
)

// Image is the name that the lab's nodes know an image by: its own.
func (l *Lab) Image(name string) string { return name }

// AddressAnnotation is the annotation by which a pod asks for an address.
func (l *Lab) AddressAnnotation() string { return kubelet.AddressAnnotation }

// FamilyAnnotation is the annotation by which a pod asks for one IP family.
func (l *Lab) FamilyAnnotation() string { return kubelet.FamilyAnnotation }

// Exec runs command in a container of a running pod, beside the pod's network and the API
// server: the node's agent starts the process.
func (l *Lab) Exec(ctx context.Context, namespace, pod, container string, command []string, s clusters.Streams) error {
	p, err := l.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("exec in %s/%s: %w", namespace, pod, err)
	}
	i := slices.IndexFunc(l.nodes, func(n *node) bool { return n.Name() == p.Spec.NodeName })
	if i < 0 {
		return fmt.Errorf("exec in %s/%s: no node of the lab runs it (node %q)", namespace, pod, p.Spec.NodeName)
	}
	return l.nodes[i].agent.Exec(ctx, namespace, pod, container, command, s)
}

var _ clusters.Outside = (*Lab)(nil)

// Outside implements clusters.Outside: the only program there is the prober.
func (l *Lab) Outside() pods.Execer { return outside{l} }

type outside struct{ lab *Lab }

// Exec implements pods.Execer.
func (o outside) Exec(ctx context.Context, _, _, _ string, command []string, s clusters.Streams) error {
	prober := environ.Image{Path: "/probe", Host: o.lab.cfg.Programs.Probe}
	return kubelet.Exec(ctx, "world", o.lab.network.World().Do, prober.Resolve(command), s)
}
