package run

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	Agents     []Agent // of the engine, whose cost the kubelet tells; none: nobody looks
	// Unread is why nobody looks.
	Unread string
}

// Agent is the DaemonSet of an engine's agents.
type Agent struct{ Namespace, DaemonSet string }

// podSecurity is the label by which the API server enforces a standard in a namespace.
const podSecurity = "pod-security.kubernetes.io/enforce"

// pullSecret is the name of the Secret by which nodes pull images.
const pullSecret = "pull"

// prefix is how the names of the run's namespaces begin.
func (g *Guest) prefix() string { return "netassay-" + g.Run + "-" }

// mark makes a namespace one of the run's, where nothing but restricted pods can be.
func (g *Guest) mark(ns *corev1.Namespace) {
	labels := map[string]string{g.Label: g.Run, podSecurity: "restricted"}
	maps.Copy(labels, ns.Labels)
	ns.Labels = labels
}

// fit makes a pod conform to the restricted standard. It stays where it is, whatever taints its
// node has: nodes with taints that matter were left out.
func (g *Guest) fit(pod *corev1.Pod) {
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	pod.Spec.SecurityContext = podspec.RestrictedPod()
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].SecurityContext = podspec.RestrictedContainer()
	}
	if g.PullSecret != nil {
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: pullSecret}}
	}
}

func (g *Guest) secret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: pullSecret, Labels: map[string]string{g.Label: g.Run}},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: g.PullSecret},
	}
}

// leave deletes the namespaces of the run, with all that is in them.
func (g *Guest) leave(ctx context.Context, client kubernetes.Interface) error {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: g.Label + "=" + g.Run})
	if err != nil {
		return fmt.Errorf("list the run's namespaces: %w", err)
	}
	var failed error
	for i := range list.Items {
		n := &list.Items[i]
		err := client.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(n.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			failed = errors.Join(failed, fmt.Errorf("delete namespace %s: %w", n.Name, err))
		}
	}
	return failed
}
