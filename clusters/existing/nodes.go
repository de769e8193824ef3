package existing

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/podspec"
)

// usable are the names of the nodes that a suite's pods can run on.
func usable(nodes []corev1.Node, tolerations []corev1.Toleration, system string) []string {
	var names []string
	for i := range nodes {
		if unusable(&nodes[i], tolerations, system) == "" {
			names = append(names, nodes[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

// unusable is why a node can't hold pods of a suite for an operating system, "" when it can.
func unusable(n *corev1.Node, tolerations []corev1.Toleration, system string) string {
	want := cmp.Or(system, podspec.Linux)
	switch runs := systemOf(n); {
	case runs == podspec.Windows && want == podspec.Linux:
		return "runs windows, not linux: it is left out; netassay verify --node-os windows looks at such nodes"
	case runs != want:
		return "runs " + runs + ", not " + want + ": it is left out"
	case hollow(n):
		return "is a hollow one of KWOK: it is left out"
	case n.Spec.Unschedulable:
		return "is cordoned: kubectl uncordon " + n.Name
	case !ready(n):
		return "is NotReady" + because(n) + ": it is left out"
	}
	for _, t := range n.Spec.Taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(t, tolerations) {
			return "has the taint " + t.ToString() + ": it is left out unless --tolerate names it"
		}
	}
	return ""
}

// systemOf is the operating system of a node.
func systemOf(n *corev1.Node) string { return cmp.Or(n.Status.NodeInfo.OperatingSystem, podspec.Linux) }

// hollow reports whether a node only looks like one: KWOK plays its kubelet, and runs nothing.
func hollow(n *corev1.Node) bool {
	return n.Labels["type"] == "kwok" || n.Annotations["kwok.x-k8s.io/node"] == "fake"
}

func ready(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// because is what the kubelet says about itself.
func because(n *corev1.Node) string {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Message != "" {
			return fmt.Sprintf(" (%s: %s)", c.Reason, c.Message)
		}
	}
	return ""
}

func tolerated(t corev1.Taint, tolerations []corev1.Toleration) bool {
	return slices.ContainsFunc(tolerations, func(one corev1.Toleration) bool {
		return one.ToleratesTaint(klog.Background(), &t, false)
	})
}

// familiesOf are the families that asked names, or those of the first that tells: the ranges
// of pods that nodes have, pods that run, the Services of the API server and of DNS.
func familiesOf(ctx context.Context, client kubernetes.Interface, asked string, nodes []corev1.Node) ([]model.Family, error) {
	var want model.Families
	if asked != "" {
		var err error
		if want, err = model.ParseFamilies(asked); err != nil || want != model.Dual {
			return want.List(), err
		}
	}
	found := familiesOfNodes(nodes)
	for _, ask := range []func(context.Context, kubernetes.Interface) ([]model.Family, error){familiesOfPods, familiesOfServices} {
		if len(found) > 0 {
			break
		}
		var err error
		if found, err = ask(ctx, client); err != nil {
			return nil, err
		}
	}
	switch {
	case want == model.Dual && len(found) < 2:
		return want.List(), nil
	case len(found) == 0:
		return nil, errNoFamilies
	}
	return found, nil
}

func familiesOfNodes(nodes []corev1.Node) []model.Family {
	var all [][]model.Family
	for i := range nodes {
		var addresses []netip.Addr
		for _, cidr := range model.NodeFromAPI(&nodes[i]).PodCIDRs {
			addresses = append(addresses, cidr.Addr())
		}
		all = append(all, model.FamiliesOf(addresses...))
	}
	return longest(all)
}

// familiesOfPods looks at a few pods that run in a network of their own.
func familiesOfPods(ctx context.Context, client kubernetes.Interface) ([]model.Family, error) {
	pods, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{Limit: 500})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var all [][]model.Family
	for i := range pods.Items {
		if pods.Items[i].Spec.HostNetwork {
			continue
		}
		pod, _ := model.PodFromAPI(&pods.Items[i])
		all = append(all, model.FamiliesOf(pod.IPs...))
	}
	return longest(all), nil
}

func familiesOfServices(ctx context.Context, client kubernetes.Interface) ([]model.Family, error) {
	var all [][]model.Family
	for _, at := range [][2]string{{metav1.NamespaceDefault, "kubernetes"}, {metav1.NamespaceSystem, "kube-dns"}} {
		svc, err := client.CoreV1().Services(at[0]).Get(ctx, at[1], metav1.GetOptions{})
		if err == nil { // one that is absent or hidden tells nothing
			all = append(all, model.FamiliesFromAPI(svc.Spec.IPFamilies))
		}
	}
	return longest(all), nil
}

// longest is the first of the longest lists.
func longest(all [][]model.Family) []model.Family {
	var best []model.Family
	for _, families := range all {
		if len(families) > len(best) {
			best = families
		}
	}
	return best
}
