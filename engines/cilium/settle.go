package cilium

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// settlePoll is how often the agents' account of pods is read.
const settlePoll = 250 * time.Millisecond

// Settle implements engines.Settler by the CiliumEndpoints, in which agents say by which labels
// they go.
func (*Engine) Settle(ctx context.Context, cfg *rest.Config, namespaces []string) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, settlePoll, true, func(ctx context.Context) (bool, error) {
		last = nil
		for _, name := range namespaces {
			if last = agree(ctx, client, dyn, name); last != nil {
				return false, nil //nolint:nilerr // said when the time is over
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for labels to count: %w", last)
	}
	return nil
}

// agree compares the labels of a namespace's pods with those that their agents go by.
func agree(ctx context.Context, client kubernetes.Interface, dyn dynamic.Interface, namespace string) error {
	ns, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read namespace: %w", err)
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	known, err := dyn.Resource(endpointResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	byPod := map[string][]string{}
	for _, o := range known.Items {
		labels, _, _ := unstructured.NestedStringSlice(o.Object, "status", "identity", "labels")
		byPod[o.GetName()] = labels
	}
	for _, p := range pods.Items {
		if p.Spec.HostNetwork || p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning {
			continue
		}
		if want, got := identity(ns.Labels, p.Labels), counted(byPod[p.Name]); !slices.Equal(want, got) {
			return fmt.Errorf("pod %s/%s goes by %v, not by %v", namespace, p.Name, got, want)
		}
	}
	return nil
}

const (
	source    = "k8s:"
	ofTheirNS = "io.cilium.k8s.namespace.labels."
)

// identity are the labels that a pod's agent should go by, sorted, but for those that counted
// leaves out too.
func identity(namespace, pod map[string]string) []string {
	var all []string
	for k, v := range pod {
		all = append(all, source+k+"="+v)
	}
	for k, v := range namespace {
		all = append(all, source+ofTheirNS+k+"="+v)
	}
	return counted(all)
}

// counted are the labels that change who a pod is, sorted: neither those that Cilium adds by
// itself, of other sources (gen, for named ports) or of its own policies', nor those that it may not
// look at (pkg/labelsfilter), all of which have these names.
func counted(labels []string) []string {
	var out []string
	for _, l := range labels {
		label, known := strings.CutPrefix(l, source)
		key, _, _ := strings.Cut(label, "=")
		other := !known || strings.HasPrefix(key, "io.cilium.k8s.policy.") || slices.ContainsFunc(unseen(), func(part string) bool { return strings.Contains(key, part) })
		if !other {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

func unseen() []string {
	return []string{"kubernetes.io", "io.kubernetes", "k8s.io", "pod-template-", "controller-revision-hash", "controller-uid", "annotation", "etcd_node"}
}
