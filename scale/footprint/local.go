package footprint

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/scale/hollow"
)

// localDeadline is for the node's kubelet to start all local pods.
const localDeadline = 5 * time.Minute

// startLocalPods starts real pods on the agent's node, spread over the namespaces and apps
// of the hollow ones, so that policies select them as they would those.
func startLocalPods(ctx context.Context, cfg Config) error {
	client, err := kubernetes.NewForConfig(cfg.REST)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	for i := range cfg.LocalPods {
		p := localPod(cfg, i)
		if _, err := client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create local pod: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, localDeadline)
	defer cancel()
	return hollow.AwaitLocal(ctx, client, cfg.Node.Name(), cfg.LocalPods, hollow.ProgressLines(cfg.Log, 0))
}

func localPod(cfg Config, i int) *corev1.Pod {
	namespace, app := i%cfg.Size.Namespaces, i/cfg.Size.Namespaces+i
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("local-%03d", i), Namespace: hollow.NamespaceName(namespace), Labels: hollow.Labels(namespace, app),
		},
		Spec: corev1.PodSpec{
			NodeName:                      cfg.Node.Name(),
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers: []corev1.Container{{
				Name: "main", Image: cfg.Image, Command: []string{"/probe", "idle"}, Ports: hollow.Ports(),
			}},
		},
	}
}
