package pods

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe"
)

// AwaitRunning waits until a pod runs and has addresses, and says on which node and which. One that
// will not run is not waited for.
func AwaitRunning(ctx context.Context, client kubernetes.Interface, namespace, name string) (probe.Pod, error) {
	p := probe.Pod{Name: name}
	err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		got, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil || got.Status.Phase != corev1.PodRunning || len(got.Status.PodIPs) == 0 {
			return false, Hopeless(got)
		}
		p.Node = got.Spec.NodeName
		for _, ip := range got.Status.PodIPs {
			if a, err := netip.ParseAddr(ip.IP); err == nil {
				p.Addrs = append(p.Addrs, a)
			}
		}
		return true, nil
	})
	if err != nil {
		return probe.Pod{}, fmt.Errorf("wait for pod %s to run: %w", name, err)
	}
	return p, nil
}

// Starter brings the probers of running pods into a fleet.
type Starter struct {
	Client kubernetes.Interface
	Exec   Execer
	Fleet  *probe.Fleet
	Listen string // what each of them listens on ("80/tcp,80/udp")
}

// Create creates a pod, waits until it runs and adds its prober to the fleet.
func (s Starter) Create(ctx context.Context, pod *corev1.Pod) (probe.Pod, error) {
	if _, err := Create(ctx, s.Client, pod, metav1.CreateOptions{}); err != nil {
		return probe.Pod{}, fmt.Errorf("create pod %s: %w", pod.Name, err)
	}
	return s.Attach(ctx, pod.Namespace, pod.Name)
}

// Attach waits until a pod runs and adds its prober to the fleet, under the pod's name.
func (s Starter) Attach(ctx context.Context, namespace, name string) (probe.Pod, error) {
	p, err := AwaitRunning(ctx, s.Client, namespace, name)
	if err != nil {
		return p, err
	}
	r := Resident{Name: name, Namespace: namespace, Pod: name, Listen: s.Listen}
	if err := s.Fleet.Add(ctx, name, r.Dial(s.Exec)); err != nil {
		return p, fmt.Errorf("start prober of pod %s: %w", name, err)
	}
	return p, nil
}
