package lab

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type agent struct{}

func (a *agent) close() error { return nil }

func (l *Lab) startAgent(ctx context.Context, n *node) error {
	defer l.phases.begin("agent of " + n.Name())()
	obj := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name(), Labels: map[string]string{"kubernetes.io/hostname": n.Name()}}}
	for _, c := range n.net.PodCIDRs() {
		obj.Spec.PodCIDRs = append(obj.Spec.PodCIDRs, c.String())
	}
	obj.Spec.PodCIDR = obj.Spec.PodCIDRs[0]
	obj, err := l.client.CoreV1().Nodes().Create(ctx, obj, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create node: %w", err)
	}
	for _, ip := range n.net.IPs() {
		obj.Status.Addresses = append(obj.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.String()})
	}
	obj.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	_, err = l.client.CoreV1().Nodes().UpdateStatus(ctx, obj, metav1.UpdateOptions{})
	return err
}

// Exec for now.
func (l *Lab) Image(name string) string { return name }
