package existing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
)

// Left is what a run has in a cluster: namespaces, found by their label.
type Left struct {
	Run        string
	Namespaces []corev1.Namespace // by name
	Newest     time.Time          // when the last of them was made
}

// Left are the runs that have namespaces with the label, oldest first. Those that are being
// deleted are not among them.
func (c *Cluster) Left(ctx context.Context, label string) ([]Left, error) {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return left(ctx, client, label)
}

func left(ctx context.Context, client kubernetes.Interface, label string) ([]Left, error) {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	var all []Left
	for _, n := range list.Items {
		if n.DeletionTimestamp != nil {
			continue
		}
		i := slices.IndexFunc(all, func(l Left) bool { return l.Run == n.Labels[label] })
		if i < 0 {
			i, all = len(all), append(all, Left{Run: n.Labels[label]})
		}
		all[i].Namespaces = append(all[i].Namespaces, n)
		if made := n.CreationTimestamp.Time; made.After(all[i].Newest) {
			all[i].Newest = made
		}
	}
	slices.SortStableFunc(all, func(a, b Left) int { return a.Newest.Compare(b.Newest) })
	return all, nil
}

// Remove deletes the namespaces of a run, and none that has taken the name of one meanwhile.
func (c *Cluster) Remove(ctx context.Context, l Left) error {
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return clusters.DeleteNamespaces(ctx, client, l.Namespaces)
}
