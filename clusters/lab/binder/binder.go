// Package binder is the lab's scheduler: it binds pods that name no node to the nodes that
// their nodeSelector allows, in turn.
//
// It decides the place of a pod by node selector only: in a lab every node has room. Pods
// that name their node never come here; suites place their pods themselves. It must never
// evict or move a pod.
package binder

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Node is a node that pods can be bound to.
type Node struct {
	Name   string
	Labels map[string]string
}

// The wait before a pod that could not be bound is tried again doubles from one to the
// other.
const (
	retryFirst = 10 * time.Millisecond
	retryLast  = 2 * time.Second
)

type binder struct {
	client kubernetes.Interface
	nodes  []Node
	pods   corev1listers.PodLister
	queue  workqueue.TypedRateLimitingInterface[cache.ObjectName]
	turn   int
}

// Run binds pods to nodes until ctx ends.
func Run(ctx context.Context, client kubernetes.Interface, nodes []Node) error {
	// Only pods without a node are watched: a lab may have thousands with one.
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = "spec.nodeName=" }))
	pods := factory.Core().V1().Pods()
	b := &binder{
		client: client, nodes: nodes, pods: pods.Lister(),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](retryFirst, retryLast)),
	}
	add := func(obj any) {
		if name, err := cache.ObjectToName(obj); err == nil {
			b.queue.Add(name)
		}
	}
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, after any) { add(after) },
	}); err != nil {
		return fmt.Errorf("watch pods without a node: %w", err)
	}
	factory.Start(ctx.Done())
	stop := context.AfterFunc(ctx, b.queue.ShutDown)
	defer stop()
	for b.next(ctx) {
	}
	factory.Shutdown()
	return nil
}

// next binds one pod; it says false when there will be no more.
func (b *binder) next(ctx context.Context) bool {
	name, shutdown := b.queue.Get()
	if shutdown {
		return false
	}
	defer b.queue.Done(name)
	if err := b.bind(ctx, name); err != nil {
		b.queue.AddRateLimited(name)
	} else {
		b.queue.Forget(name)
	}
	return true
}

func (b *binder) bind(ctx context.Context, name cache.ObjectName) error {
	pod, err := b.pods.Pods(name.Namespace).Get(name.Name)
	if apierrors.IsNotFound(err) || err == nil && !wanting(pod) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get pod %s: %w", name, err)
	}
	node, ok := b.place(pod)
	if !ok {
		return b.unschedulable(ctx, pod)
	}
	err = b.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // somebody else was quicker
	}
	return err
}

// wanting reports whether pod waits for this scheduler.
func wanting(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil &&
		pod.Spec.SchedulerName == corev1.DefaultSchedulerName && len(pod.Spec.SchedulingGates) == 0
}

// place takes the next node in turn that pod's selector allows.
func (b *binder) place(pod *corev1.Pod) (string, bool) {
	allowed := labels.SelectorFromSet(pod.Spec.NodeSelector)
	for i := range b.nodes {
		node := b.nodes[(b.turn+i)%len(b.nodes)]
		if allowed.Matches(labels.Set(node.Labels)) {
			b.turn = (b.turn + i + 1) % len(b.nodes)
			return node.Name, true
		}
	}
	return "", false
}

// unschedulable says why pod waits, where kubectl describe shows it.
func (b *binder) unschedulable(ctx context.Context, pod *corev1.Pod) error {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return nil
		}
	}
	pod = pod.DeepCopy()
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: fmt.Sprintf("no node of the lab has the labels %s", labels.Set(pod.Spec.NodeSelector)),
	})
	_, err := b.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}
