package kubelet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/errdefs"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	listers "k8s.io/client-go/listers/core/v1"

	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
)

// agent keeps the workers of the node's pods. It is the provider of virtual-kubelet's pod
// controller, which knows pods by name; here they are known by uid, since a deleted pod may
// still be ending when another of its name is created.
type agent struct {
	cfg     Config
	ctx     context.Context // outlives the controllers: pods are ended in it
	now     func() time.Time
	backoff lifecycle.Backoff
	pods    listers.PodLister

	mu      sync.Mutex
	workers map[types.UID]*worker
	latest  map[types.NamespacedName]*worker
	tell    func(*corev1.Pod)
	wg      sync.WaitGroup
}

func nameOf(pod *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// CreatePod takes over a pod; called again for the same uid it takes over changes. A pod of
// the same name that came before is ended at once: the API server knows it no more.
func (a *agent) CreatePod(_ context.Context, pod *corev1.Pod) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w, ok := a.workers[pod.UID]; ok {
		go w.update(pod)
		return nil
	}
	if old, ok := a.latest[nameOf(pod)]; ok {
		old.terminate(0)
		delete(a.workers, old.uid)
	}
	w := newWorker(a, pod)
	a.workers[pod.UID], a.latest[nameOf(pod)] = w, w
	a.wg.Go(w.run)
	return nil
}

// UpdatePod takes over a changed pod.
func (a *agent) UpdatePod(ctx context.Context, pod *corev1.Pod) error {
	return a.CreatePod(ctx, pod)
}

// DeletePod has the pod end: within its grace period where the API server still has it, at
// once where it doesn't. It does not wait.
func (a *agent) DeletePod(_ context.Context, pod *corev1.Pod) error {
	w := a.worker(pod.UID)
	if w == nil {
		return errdefs.NotFoundf("pod %s/%s is not on this node", pod.Namespace, pod.Name)
	}
	if known, err := a.pods.Pods(pod.Namespace).Get(pod.Name); err == nil && known.UID == pod.UID {
		w.terminate(deletionGrace(known))
		return nil
	}
	w.terminate(0)
	a.forget(w)
	return nil
}

func deletionGrace(pod *corev1.Pod) time.Duration {
	return seconds(pod.DeletionGracePeriodSeconds, graceOf(pod))
}

func (a *agent) worker(uid types.UID) *worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.workers[uid]
}

func (a *agent) forget(w *worker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.workers, w.uid)
	if name := nameOf(w.view.Load().pod); a.latest[name] == w {
		delete(a.latest, name)
	}
}

// find is the worker of the latest pod of that name, or nil.
func (a *agent) find(namespace, name string) *worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest[types.NamespacedName{Namespace: namespace, Name: name}]
}

// GetPod is the pod of that name that the API server knows now or, when it knows none, the
// one that is still here.
func (a *agent) GetPod(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	w := a.find(namespace, name)
	if known, err := a.pods.Pods(namespace).Get(name); err == nil && w != nil && known.UID != w.uid {
		w = nil
	}
	if w == nil {
		return nil, errdefs.NotFoundf("pod %s/%s is not on this node", namespace, name)
	}
	return w.view.Load().pod, nil
}

// GetPodStatus is the status of what GetPod gives.
func (a *agent) GetPodStatus(ctx context.Context, namespace, name string) (*corev1.PodStatus, error) {
	pod, err := a.GetPod(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	return &pod.Status, nil
}

// GetPods are the latest pods of each name.
func (a *agent) GetPods(context.Context) ([]*corev1.Pod, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pods := make([]*corev1.Pod, 0, len(a.latest))
	for _, w := range a.latest {
		pods = append(pods, w.view.Load().pod)
	}
	return pods, nil
}

// NotifyPods registers the pod controller's ear for statuses.
func (a *agent) NotifyPods(_ context.Context, tell func(*corev1.Pod)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tell = tell
}

// notify tells the pod controller a new status, unless another pod has the name by now: the
// controller would take the status for the other's.
func (a *agent) notify(w *worker, pod *corev1.Pod) {
	a.mu.Lock()
	tell := a.tell
	current := a.latest[nameOf(pod)] == w
	a.mu.Unlock()
	if tell != nil && current {
		tell(pod)
	}
}

// finish removes a pod that was told to end and has ended from the API server, its last
// status first. The pod controller would do so only after the whole grace period.
func (a *agent) finish(w *worker) {
	pod := w.view.Load().pod
	known, err := a.pods.Pods(pod.Namespace).Get(pod.Name)
	if err != nil || known.UID != w.uid || known.DeletionTimestamp == nil {
		return
	}
	a.wg.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, time.Minute)
		defer cancel()
		err := retry(ctx, func() error { return a.remove(ctx, pod) })
		if err != nil {
			w.log.Warn("remove ended pod", "err", err)
		}
	})
}

func (a *agent) remove(ctx context.Context, pod *corev1.Pod) error {
	client := a.cfg.Client.CoreV1().Pods(pod.Namespace)
	if _, err := patchStatus(ctx, client, pod); err != nil {
		return ignoreGone(err)
	}
	opts := metav1.NewDeleteOptions(0)
	opts.Preconditions = metav1.NewUIDPreconditions(string(pod.UID))
	return ignoreGone(client.Delete(ctx, pod.Name, *opts))
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// retry calls fn, with growing pauses, until it succeeds or ctx ends.
func retry(ctx context.Context, fn func() error) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := fn()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// await has the pod end and waits until it holds nothing any more.
func (a *agent) await(ctx context.Context, uid types.UID, grace time.Duration) error {
	w := a.worker(uid)
	if w == nil {
		return nil
	}
	w.terminate(grace)
	select {
	case <-w.gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for end of pod: %w", ctx.Err())
	}
}

// shutdown ends all pods at once and waits for them.
func (a *agent) shutdown() {
	a.mu.Lock()
	for _, w := range a.workers {
		w.terminate(0)
	}
	a.mu.Unlock()
	a.wg.Wait()
}
