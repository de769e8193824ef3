package run

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/podspec"
)

// Guest says that the cluster is somebody else's. It is reached by its API server alone, and has
// an engine that the run neither starts nor ends. What is made are real pods, which conform to the
// restricted Pod Security Standard, and policies, in namespaces of the run's own.
type Guest struct {
	Cluster    clusters.Cluster
	Label, Run string  // the label of all namespaces that are made, and its value
	PullSecret []byte  // in the form of .docker/config.json; nil: nodes need none
	Engine     string  // what it is believed to be
	Agents     []Agent // of the engine, whose cost the kubelet tells; none: nobody looks
	// Unread is why nobody looks.
	Unread string
}

// Agent is the DaemonSet of an engine's agents.
type Agent struct{ Namespace, DaemonSet string }

// prefix is how the names of the run's namespaces begin.
func (g *Guest) prefix() string { return "netassay-" + g.Run + "-" }

// mark makes a namespace one of the run's, where nothing but restricted pods can be.
func (g *Guest) mark(ns *corev1.Namespace) {
	labels := map[string]string{g.Label: g.Run, podspec.EnforceLabel: "restricted"}
	maps.Copy(labels, ns.Labels)
	ns.Labels = labels
}

// fit makes a pod conform to the restricted standard. It stays where it is, whatever taints its
// node has: nodes with taints that matter were left out.
func (g *Guest) fit(pod *corev1.Pod) {
	podspec.Stay(pod, g.PullSecret != nil)
	pod.Spec.SecurityContext = podspec.RestrictedPod()
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].SecurityContext = podspec.RestrictedContainer()
	}
}

// leave deletes the namespaces of the run, with all that is in them.
func (g *Guest) leave(ctx context.Context, client kubernetes.Interface) error {
	return clusters.DeleteSelected(ctx, client, g.Label+"="+g.Run)
}
