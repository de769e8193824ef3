package runner

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// AwaitRunning waits until a pod runs and has addresses, and says on which node and which.
// It is for those who place pods of their own, beside the suite's fixture.
func AwaitRunning(ctx context.Context, client kubernetes.Interface, namespace, name string) (node string, ips []netip.Addr, err error) {
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		got, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil || got.Status.Phase != corev1.PodRunning || len(got.Status.PodIPs) == 0 {
			return false, nil
		}
		node = got.Spec.NodeName
		for _, ip := range got.Status.PodIPs {
			if a, err := netip.ParseAddr(ip.IP); err == nil {
				ips = append(ips, a)
			}
		}
		return true, nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("wait for pod %s to run: %w", name, err)
	}
	return node, ips, nil
}
