package cilium

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
)

const (
	// publishers is how many pods are published at a time.
	publishers = 16
	// firstIdentity leaves the lower ones to agents, which take theirs at random.
	firstIdentity, lastIdentity = 20000, 65535
	// publishRetry is after how long a write that failed is made again, at least and at most.
	publishRetry, publishRetries = 50 * time.Millisecond, 5 * time.Second
)

// publication makes the objects of pods that no agent makes them of.
type publication struct {
	client     kubernetes.Interface
	objects    dynamic.Interface
	served     []string // nodes whose agents do it themselves
	pods       listers.PodLister
	namespaces listers.NamespaceLister
	nodes      listers.NodeLister
	queue      workqueue.TypedRateLimitingInterface[cache.ObjectName]

	mu         sync.Mutex
	identities map[string]*identityNumber // by identityKey
	next       int64
	published  map[cache.ObjectName]string // what each endpoint is
	failed     error                       // of the last write that did
}

// identityNumber is an identity that was made, or is about to be.
type identityNumber struct {
	sync.Mutex
	id int64 // 0: not yet
}

// Publish implements engines.Publisher: an identity for each set of labels, and an endpoint for each
// pod that runs and has an address of its own.
func (*Engine) Publish(ctx context.Context, cfg *rest.Config, served []string) (engines.Publication, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = -1, -1
	objects, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return publish(ctx, client, objects, served)
}

func publish(ctx context.Context, client kubernetes.Interface, objects dynamic.Interface, served []string) (*publication, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(needed))
	core := factory.Core().V1()
	pods := core.Pods().Informer()
	p := &publication{
		client: client, objects: objects, served: served,
		pods: core.Pods().Lister(), namespaces: core.Namespaces().Lister(), nodes: core.Nodes().Lister(),
		queue:      workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](publishRetry, publishRetries)),
		identities: map[string]*identityNumber{}, next: firstIdentity, published: map[cache.ObjectName]string{},
	}
	synced := []cache.InformerSynced{core.Nodes().Informer().HasSynced}
	for _, k := range []struct {
		cache.SharedIndexInformer
		changed func(cache.ObjectName)
	}{{core.Namespaces().Informer(), p.wholeNamespace}, {pods, p.queue.Add}} {
		told, err := tell(k.SharedIndexInformer, k.changed)
		if err != nil {
			return nil, err
		}
		synced = append(synced, told)
	}
	factory.Start(ctx.Done())
	go func() {
		<-ctx.Done()
		p.queue.ShutDown()
	}()
	for range publishers {
		go func() {
			there := cache.WaitForCacheSync(ctx.Done(), synced...)
			for there && p.one(ctx) {
			}
		}()
	}
	return p, nil
}

// needed leaves out what nothing is made of: there are many pods.
func needed(o any) (any, error) {
	switch o := o.(type) {
	case *corev1.Pod:
		small := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, Labels: o.Labels, ResourceVersion: o.ResourceVersion},
			Spec:       corev1.PodSpec{NodeName: o.Spec.NodeName, HostNetwork: o.Spec.HostNetwork, ServiceAccountName: o.Spec.ServiceAccountName},
			Status:     corev1.PodStatus{Phase: o.Status.Phase, PodIPs: o.Status.PodIPs, HostIP: o.Status.HostIP},
		}
		for _, c := range o.Spec.Containers {
			small.Spec.Containers = append(small.Spec.Containers, corev1.Container{Ports: c.Ports})
		}
		return small, nil
	case *corev1.Node:
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: o.Name}, Status: corev1.NodeStatus{Addresses: o.Status.Addresses}}, nil
	}
	return o, nil
}

// tell has changed called with the name of all that comes, changes and goes.
func tell(from cache.SharedIndexInformer, changed func(cache.ObjectName)) (cache.InformerSynced, error) {
	name := func(o any) {
		if n, err := cache.DeletionHandlingObjectToName(o); err == nil {
			changed(n)
		}
	}
	r, err := from.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: name, UpdateFunc: func(_, o any) { name(o) }, DeleteFunc: name})
	if err != nil {
		return nil, fmt.Errorf("watch cluster: %w", err)
	}
	return r.HasSynced, nil
}

// wholeNamespace has all pods of a namespace looked at again.
func (p *publication) wholeNamespace(n cache.ObjectName) {
	pods, err := p.pods.Pods(n.Name).List(labels.Everything())
	if err != nil {
		return // never, of a cache
	}
	for _, pod := range pods {
		p.queue.Add(cache.MetaObjectToName(pod))
	}
}

// one looks at the next pod; false: there will be none.
func (p *publication) one(ctx context.Context) bool {
	name, ended := p.queue.Get()
	if ended {
		return false
	}
	defer p.queue.Done(name)
	if err := p.look(ctx, name); err != nil {
		p.mu.Lock()
		p.failed = err
		p.mu.Unlock()
		p.queue.AddRateLimited(name)
		return true
	}
	p.queue.Forget(name)
	return true
}

// look makes of a pod's endpoint what the pod is now.
func (p *publication) look(ctx context.Context, name cache.ObjectName) error {
	p.mu.Lock()
	was := p.published[name]
	p.mu.Unlock()
	pod, err := p.pods.Pods(name.Namespace).Get(name.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	ns, nsErr := p.namespaces.Get(name.Namespace)
	if err != nil || nsErr != nil || !p.ours(pod) {
		return p.withdraw(ctx, name, was)
	}
	all := securityLabels(ns, pod)
	id, err := p.identity(ctx, all)
	if err != nil {
		return err
	}
	o := endpointObject(pod, p.nodeOf(pod), id, all)
	text, err := o.MarshalJSON()
	if err != nil || string(text) == was {
		return err
	}
	if err := p.write(ctx, o); err != nil {
		return fmt.Errorf("write endpoint of pod %s: %w", name, err)
	}
	p.keep(name, string(text))
	return nil
}

// ours reports whether a pod is to be published here.
func (p *publication) ours(pod *corev1.Pod) bool {
	return !slices.Contains(p.served, pod.Spec.NodeName) && !pod.Spec.HostNetwork && pod.Status.Phase == corev1.PodRunning && len(pod.Status.PodIPs) > 0
}

func (p *publication) keep(name cache.ObjectName, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text == "" {
		delete(p.published, name)
	} else {
		p.published[name] = text
	}
}

func (p *publication) withdraw(ctx context.Context, name cache.ObjectName, was string) error {
	if was == "" {
		return nil
	}
	err := p.objects.Resource(endpointResource).Namespace(name.Namespace).Delete(ctx, name.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete endpoint of pod %s: %w", name, err)
	}
	p.keep(name, "")
	return nil
}

// write creates an endpoint, or makes another one of that which there is.
func (p *publication) write(ctx context.Context, o *unstructured.Unstructured) error {
	endpoints := p.objects.Resource(endpointResource).Namespace(o.GetNamespace())
	_, err := endpoints.Create(ctx, o, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	now, err := endpoints.Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	now.Object["status"] = o.Object["status"]
	_, err = endpoints.Update(ctx, now, metav1.UpdateOptions{})
	return err
}

// identity is the number of an identity, which is made when it is new.
func (p *publication) identity(ctx context.Context, all map[string]string) (int64, error) {
	key := identityKey(all)
	p.mu.Lock()
	n, ok := p.identities[key]
	if !ok {
		n = &identityNumber{}
		p.identities[key] = n
	}
	p.mu.Unlock()
	n.Lock()
	defer n.Unlock()
	for n.id == 0 {
		id, err := p.number()
		if err != nil {
			return 0, err
		}
		_, err = p.objects.Resource(identityResource).Create(ctx, identityObject(id, all), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) { // an agent's
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("write identity %d: %w", id, err)
		}
		n.id = id
	}
	return n.id, nil
}

func (p *publication) number() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next > lastIdentity {
		return 0, fmt.Errorf("there are no more than %d identities: give pods fewer sets of labels", lastIdentity-firstIdentity+1)
	}
	p.next++
	return p.next - 1, nil
}

// nodeOf is the address of a pod's node. A node that has none stands for itself by the pod's:
// without tunnels nobody looks.
func (p *publication) nodeOf(pod *corev1.Pod) netip.Addr {
	if ip, err := netip.ParseAddr(pod.Status.HostIP); err == nil {
		return ip
	}
	if n, err := p.nodes.Get(pod.Spec.NodeName); err == nil {
		if ips := model.NodeFromAPI(n).IPs; len(ips) > 0 {
			return ips[0]
		}
	}
	ip, _ := netip.ParseAddr(pod.Status.PodIPs[0].IP)
	return ip
}

// Await implements engines.Publication.
func (p *publication) Await(ctx context.Context) error {
	all, err := p.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	missing := 0
	err = wait.PollUntilContextCancel(ctx, settlePoll, true, func(context.Context) (bool, error) {
		missing = p.missing(all.Items)
		return missing == 0, nil
	})
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		return errors.Join(fmt.Errorf("wait for pods to be published: %d of %d are not: %w", missing, len(all.Items), err), p.failed)
	}
	return nil
}

// missing counts the pods that are to be published here and are not.
func (p *publication) missing(all []corev1.Pod) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for i := range all {
		if _, ok := p.published[cache.MetaObjectToName(&all[i])]; !ok && p.ours(&all[i]) {
			n++
		}
	}
	return n
}

// Made implements engines.Publication.
func (p *publication) Made() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d CiliumEndpoints and %d CiliumIdentities", len(p.published), len(p.identities))
}
