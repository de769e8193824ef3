package existing

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// usable are the names of the nodes that a suite's pods can run on.
func usable(nodes []corev1.Node, tolerations []corev1.Toleration) []string {
	var names []string
	for i := range nodes {
		if unusable(&nodes[i], tolerations) == "" {
			names = append(names, nodes[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

// unusable is why a node can't hold the suite's pods, "" when it can.
func unusable(n *corev1.Node, tolerations []corev1.Toleration) string {
	switch {
	case n.Status.NodeInfo.OperatingSystem != "" && n.Status.NodeInfo.OperatingSystem != "linux":
		return "runs " + n.Status.NodeInfo.OperatingSystem + ", not linux: it is left out"
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
func familiesOf(ctx context.Context, client kubernetes.Interface, asked string, nodes []corev1.Node) ([]corev1.IPFamily, error) {
	switch asked {
	case "ipv4":
		return []corev1.IPFamily{corev1.IPv4Protocol}, nil
	case "ipv6":
		return []corev1.IPFamily{corev1.IPv6Protocol}, nil
	case "":
	case "dual":
	default:
		return nil, fmt.Errorf("IP families %q are none of ipv4, ipv6, dual", asked)
	}
	found := familiesOfNodes(nodes)
	for _, ask := range []func(context.Context, kubernetes.Interface) ([]corev1.IPFamily, error){familiesOfPods, familiesOfServices} {
		if len(found) > 0 {
			break
		}
		var err error
		if found, err = ask(ctx, client); err != nil {
			return nil, err
		}
	}
	switch {
	case asked == "dual" && len(found) < 2:
		return []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}, nil
	case len(found) == 0:
		return nil, errNoFamilies
	}
	return found, nil
}

func familiesOfNodes(nodes []corev1.Node) []corev1.IPFamily {
	var all [][]corev1.IPFamily
	for i := range nodes {
		var families []corev1.IPFamily
		for _, cidr := range nodes[i].Spec.PodCIDRs {
			if p, err := netip.ParsePrefix(cidr); err == nil {
				families = append(families, familyOf(p.Addr()))
			}
		}
		all = append(all, families)
	}
	return longest(all)
}

// familiesOfPods looks at a few pods that run in a network of their own.
func familiesOfPods(ctx context.Context, client kubernetes.Interface) ([]corev1.IPFamily, error) {
	pods, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{Limit: 500})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var all [][]corev1.IPFamily
	for i := range pods.Items {
		if pods.Items[i].Spec.HostNetwork {
			continue
		}
		var families []corev1.IPFamily
		for _, ip := range pods.Items[i].Status.PodIPs {
			if a, err := netip.ParseAddr(ip.IP); err == nil {
				families = append(families, familyOf(a))
			}
		}
		all = append(all, families)
	}
	return longest(all), nil
}

func familiesOfServices(ctx context.Context, client kubernetes.Interface) ([]corev1.IPFamily, error) {
	var all [][]corev1.IPFamily
	for _, at := range [][2]string{{metav1.NamespaceDefault, "kubernetes"}, {metav1.NamespaceSystem, "kube-dns"}} {
		svc, err := client.CoreV1().Services(at[0]).Get(ctx, at[1], metav1.GetOptions{})
		if err == nil { // one that is absent or hidden tells nothing
			all = append(all, svc.Spec.IPFamilies)
		}
	}
	return longest(all), nil
}

func familyOf(a netip.Addr) corev1.IPFamily {
	if a.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

// longest is the first of the longest lists, without repeats.
func longest(all [][]corev1.IPFamily) []corev1.IPFamily {
	var best []corev1.IPFamily
	for _, families := range all {
		var distinct []corev1.IPFamily
		for _, f := range families {
			if !slices.Contains(distinct, f) {
				distinct = append(distinct, f)
			}
		}
		if len(distinct) > len(best) {
			best = distinct
		}
	}
	return best
}
