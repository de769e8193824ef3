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
)

// inFlight is how many requests are made at once: enough to keep a small API server
// busy, few enough for it to answer each.
const inFlight = 32

// Each does something n times, many at once, and tries again what an API server under
// load refuses. kind is for progress and errors.
func (w *Writer) Each(ctx context.Context, kind string, n int, do func(ctx context.Context, i int) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	var done atomic.Int64
	for i := range n {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := retry(gctx, func() error { return do(gctx, i) }); err != nil {
				return err
			}
			w.Progress(kind, int(done.Add(1)), n)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return ctx.Err()
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
