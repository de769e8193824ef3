package hollow

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/scale/load"
)

// Progress is told how many objects of a kind are there.
type Progress func(kind string, done, total int)

// Writer writes the objects of loads, as fast as the API server takes them.
type Writer struct {
	Client   kubernetes.Interface
	Progress Progress
	played   map[string]bool // nodes whose pods KWOK has run
}

// NewWriter returns a Writer whose client speaks protobuf and has no rate limit of its own.
func NewWriter(cfg *rest.Config, progress Progress) (*Writer, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = -1, -1
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &Writer{Client: client, Progress: progress}, nil
}

// Namespaces creates namespaces.
func (w *Writer) Namespaces(ctx context.Context, all []corev1.Namespace) error {
	return w.Each(ctx, "create namespaces", len(all), func(ctx context.Context, i int) error {
		_, err := w.Client.CoreV1().Namespaces().Create(ctx, &all[i], metav1.CreateOptions{})
		return err
	})
}

// Nodes creates hollow nodes, each with a lease.
func (w *Writer) Nodes(ctx context.Context, all []corev1.Node) error {
	return w.Each(ctx, "create nodes", len(all), func(ctx context.Context, i int) error {
		_, err := w.Client.CoreV1().Nodes().Create(ctx, &all[i], metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		_, err = w.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Create(ctx, lease(all[i].Name), metav1.CreateOptions{})
		return err
	})
}

// Policies creates policies.
func (w *Writer) Policies(ctx context.Context, all []netv1.NetworkPolicy) error {
	return w.Each(ctx, "create policies", len(all), func(ctx context.Context, i int) error {
		_, err := w.Client.NetworkingV1().NetworkPolicies(all[i].Namespace).Create(ctx, &all[i], metav1.CreateOptions{})
		return err
	})
}

// Pods creates hollow pods and has them run.
func (w *Writer) Pods(ctx context.Context, all []load.Pod) error {
	return w.Each(ctx, "create pods", len(all), func(ctx context.Context, i int) error { return w.StartPod(ctx, all[i]) })
}

// StartPod creates a hollow pod and has it run, unless KWOK will.
func (w *Writer) StartPod(ctx context.Context, p load.Pod) error {
	if w.played[p.Node] {
		_, err := w.Client.CoreV1().Pods(p.Namespace).Create(ctx, playedObject(p), metav1.CreateOptions{})
		return err
	}
	return startPod(ctx, w.Client, p.Object(), p.Status())
}

// EndPod deletes a hollow pod at once.
func (w *Writer) EndPod(ctx context.Context, namespace, name string) error {
	return gone(w.Client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
}

// Clear deletes all pods of hollow nodes, all policies and the namespaces of a load.
func (w *Writer) Clear(ctx context.Context, o *load.Objects) error {
	for _, ns := range o.Namespaces {
		err := w.Client.NetworkingV1().NetworkPolicies(ns.Name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("delete policies of %s: %w", ns.Name, err)
		}
	}
	return w.Each(ctx, "delete pods of namespaces", len(o.Namespaces), func(ctx context.Context, i int) error {
		return w.Client.CoreV1().Pods(o.Namespaces[i].Name).DeleteCollection(ctx,
			metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, metav1.ListOptions{})
	})
}

// Write does one write of a churn. What a delete does not find is deleted.
func (w *Writer) Write(ctx context.Context, wr load.Write) error {
	switch {
	case wr.Policy != nil:
		return w.writePolicy(ctx, wr)
	case wr.Namespace != nil:
		return w.relabel(ctx, wr.Namespace)
	case wr.Pod != nil:
		return w.writePod(ctx, wr)
	}
	return fmt.Errorf("a write of nothing")
}

// relabel gives a namespace its labels, and leaves those that others have given it.
func (w *Writer) relabel(ctx context.Context, ns *corev1.Namespace) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": ns.Labels}})
	if err == nil {
		_, err = w.Client.CoreV1().Namespaces().Patch(ctx, ns.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	return err
}

func (w *Writer) writePolicy(ctx context.Context, wr load.Write) error {
	policies := w.Client.NetworkingV1().NetworkPolicies(wr.Policy.Namespace)
	var err error
	switch wr.Verb {
	case load.Create:
		_, err = policies.Create(ctx, wr.Policy, metav1.CreateOptions{})
	case load.Update:
		_, err = policies.Update(ctx, wr.Policy, metav1.UpdateOptions{})
	case load.Delete:
		err = gone(policies.Delete(ctx, wr.Policy.Name, metav1.DeleteOptions{}))
	}
	return err
}

func (w *Writer) writePod(ctx context.Context, wr load.Write) error {
	p := *wr.Pod
	switch wr.Verb {
	case load.Create:
		return w.StartPod(ctx, p)
	case load.Delete:
		return w.EndPod(ctx, p.Namespace, p.Name)
	case load.Update:
		pods := w.Client.CoreV1().Pods(p.Namespace)
		now, err := pods.Get(ctx, p.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Labels = p.Labels
		_, err = pods.Update(ctx, now, metav1.UpdateOptions{})
		return err
	}
	return nil
}

func gone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// KeepLeases renews the leases of hollow nodes until ctx ends, as their kubelets would: all
// once per interval, spread over it. A renewal that fails is made again when its turn comes.
func (w *Writer) KeepLeases(ctx context.Context, nodes []corev1.Node, interval time.Duration) {
	next, leases := 0, w.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	wait.NonSlidingUntilWithContext(ctx, func(ctx context.Context) {
		_, _ = leases.Update(ctx, lease(nodes[next].Name), metav1.UpdateOptions{})
		next = (next + 1) % len(nodes)
	}, max(time.Millisecond, interval/time.Duration(len(nodes))))
}

// lease is a node's, renewed now, for as long as a kubelet asks for.
func lease(node string) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: node, Namespace: corev1.NamespaceNodeLease},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To(node), LeaseDurationSeconds: ptr.To[int32](40), RenewTime: ptr.To(metav1.NowMicro()),
		},
	}
}

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
