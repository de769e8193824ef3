package existing

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe/pods"
)

// Waiting are the nodes of the cluster on which no agent of an engine is ready: while it is
// brought in, these are what enforcement waits for.
func (c *Cluster) Waiting(ctx context.Context, e Engine) ([]string, error) {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	set, err := client.AppsV1().DaemonSets(e.Namespace).Get(ctx, e.DaemonSet, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get DaemonSet %s/%s: %w", e.Namespace, e.DaemonSet, err)
	}
	agents, err := client.CoreV1().Pods(e.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector)})
	if err != nil {
		return nil, fmt.Errorf("list agents of %s: %w", e.Name, err)
	}
	return waiting(c.Nodes(), agents.Items), nil
}

func waiting(nodes []string, agents []corev1.Pod) []string {
	served := map[string]bool{}
	for i := range agents {
		served[agents[i].Spec.NodeName] = served[agents[i].Spec.NodeName] || pods.Ready(&agents[i])
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return served[n] })
}
