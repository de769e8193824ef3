package hollow

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// writers is how many requests are in flight at once: enough to keep a small API server
// busy, few enough for it to answer each.
const writers = 32

// Progress is told how many objects of a kind are there.
type Progress func(kind string, done, total int)

// Cluster writes the objects of a size.
type Cluster struct {
	size     Size
	client   kubernetes.Interface
	progress Progress
}

// New returns a Cluster; nothing is written yet. The client's own rate limit is lifted.
func New(cfg *rest.Config, size Size, progress Progress) (*Cluster, error) {
	if err := size.Check(); err != nil {
		return nil, err
	}
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string, int, int) {}
	}
	return &Cluster{size: size, client: client, progress: progress}, nil
}

// newClient makes a client that speaks protobuf and has no rate limit of its own.
func newClient(cfg *rest.Config) (kubernetes.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = -1, -1
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return client, nil
}

// Create writes everything, kind by kind.
func (c *Cluster) Create(ctx context.Context) error {
	s, create := c.size, metav1.CreateOptions{}
	for _, kind := range []struct {
		name  string
		n     int
		write func(ctx context.Context, i int) error
	}{
		{"namespaces", s.Namespaces, func(ctx context.Context, i int) error {
			_, err := c.client.CoreV1().Namespaces().Create(ctx, s.namespace(i), create)
			return err
		}},
		{"nodes", s.Nodes, func(ctx context.Context, i int) error {
			_, err := c.client.CoreV1().Nodes().Create(ctx, s.node(i), create)
			return err
		}},
		{"policies", s.Policies, func(ctx context.Context, i int) error {
			p := s.policy(i)
			_, err := c.client.NetworkingV1().NetworkPolicies(p.Namespace).Create(ctx, p, create)
			return err
		}},
		{"pods", s.Pods, func(ctx context.Context, i int) error { return c.start(ctx, i, 0) }},
	} {
		if err := c.each(ctx, kind.name, kind.n, kind.write); err != nil {
			return err
		}
	}
	return nil
}

// each writes n objects of a kind, many at once.
func (c *Cluster) each(ctx context.Context, kind string, n int, write func(context.Context, int) error) error {
	err := each(ctx, n, write, func(done int) { c.progress(kind, done, n) })
	if err != nil {
		return fmt.Errorf("create %s: %w", kind, err)
	}
	return nil
}

// each does something n times, many at once, and tries again what an API server under load
// refuses. tell hears how often it was done.
func each(ctx context.Context, n int, do func(context.Context, int) error, tell func(done int)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	var done atomic.Int64
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := retry(ctx, func() error { return do(ctx, i) }); err != nil {
				return err
			}
			tell(int(done.Add(1)))
			return nil
		})
	}
	return g.Wait()
}

// start creates pod i and has it run.
func (c *Cluster) start(ctx context.Context, i, life int) error {
	return startPod(ctx, c.client, c.size.pod(i, life), c.size.status(i, life))
}

// startPod creates a pod and gives it its status: two events, as from a kubelet in a hurry.
func startPod(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, status corev1.PodStatus) error {
	pods := client.CoreV1().Pods(pod.Namespace)
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // an attempt whose answer was lost
		made, err = pods.Get(ctx, pod.Name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	made.Status = status
	_, err = pods.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	return err
}

// retry tries again what an API server under load refuses or drops.
func retry(ctx context.Context, do func() error) error {
	var last error
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 9}
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(context.Context) (bool, error) {
		last = do()
		return last == nil || apierrors.IsAlreadyExists(last), fatal(last)
	})
	if wait.Interrupted(err) && last != nil && ctx.Err() == nil {
		return last
	}
	return err
}

// fatal are the answers that will not change. "Forbidden" may: admission says so as well
// when a starved API server can't reach itself.
func fatal(err error) error {
	if apierrors.IsInvalid(err) || apierrors.IsUnauthorized(err) || apierrors.IsBadRequest(err) {
		return err
	}
	return nil
}
