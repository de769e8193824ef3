package kubelet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	vklog "github.com/virtual-kubelet/virtual-kubelet/log"
	"github.com/virtual-kubelet/virtual-kubelet/node"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	corev1informers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
)

const (
	// podWorkers is how many pods are handed to the agent, and how many statuses are
	// written, at the same time. Handing over does not wait for processes.
	podWorkers = 16
	// endTime bounds the end of all pods when the agent stops.
	endTime = 20 * time.Second
	// leaseSeconds is the kubelet's default; the lease is renewed in a quarter of it.
	leaseSeconds = 40
)

// Kubelet is a running node agent.
type Kubelet struct {
	agent   *agent
	cancel  context.CancelFunc // ends the parts that run
	end     context.CancelFunc // ends the pods, whatever they still do
	running sync.WaitGroup
}

// Start registers the node, serves its HTTPS port and runs its pods until Stop. It returns
// when the node is ready for pods; ctx is just for the start.
func Start(ctx context.Context, cfg Config) (*Kubelet, error) {
	life, end := context.WithCancel(vklog.WithLogger(context.WithoutCancel(ctx), vkLog{cfg.Log}))
	work, cancel := context.WithCancel(life)
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	a := &agent{
		cfg: cfg, ctx: life, now: time.Now, backoff: lifecycle.DefaultBackoff(),
		workers: map[types.UID]*worker{}, latest: map[types.NamespacedName]*worker{},
	}
	k := &Kubelet{agent: a, cancel: cancel, end: end}
	if err := k.start(work); err != nil {
		k.Stop()
		return nil, fmt.Errorf("start kubelet of %s: %w", cfg.NodeName, err)
	}
	return k, nil
}

func (k *Kubelet) start(ctx context.Context) error {
	pods, err := k.podController(ctx)
	if err != nil {
		return err
	}
	if err := k.serve(ctx); err != nil {
		return err
	}
	nodes, err := k.nodeController()
	if err != nil {
		return err
	}
	k.running.Go(func() { k.report("pod controller", pods.Run(ctx, podWorkers)) })
	k.running.Go(func() { k.report("node controller", nodes.Run(ctx)) })
	for _, part := range []interface {
		Ready() <-chan struct{}
		Done() <-chan struct{}
		Err() error
	}{pods, nodes} {
		select {
		case <-part.Ready():
		case <-part.Done():
			return part.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (k *Kubelet) report(what string, err error) {
	if err != nil {
		k.agent.cfg.Log.Error(what+" stopped", "err", err)
	}
}

// Stop ends all pods at once and returns when their processes are gone and their addresses
// are released.
func (k *Kubelet) Stop() {
	k.cancel()
	k.running.Wait()
	timer := time.AfterFunc(endTime, k.end)
	defer timer.Stop()
	k.agent.shutdown()
	k.end()
}

// podController is virtual-kubelet's, over the pods bound to this node.
func (k *Kubelet) podController(ctx context.Context) (*node.PodController, error) {
	cfg := &k.agent.cfg
	mine := fields.OneTermEqualSelector("spec.nodeName", cfg.NodeName).String()
	// No resync: the controller would compare every pod again and change nothing.
	factory := informers.NewSharedInformerFactoryWithOptions(cfg.Client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = mine }))
	pods := factory.Core().V1().Pods()
	k.agent.pods = pods.Lister()
	if err := k.agent.watchGaps(pods.Informer()); err != nil {
		return nil, err
	}
	// The controller insists on these; they are never started, since it is told not to
	// resolve environments.
	unused := informers.NewSharedInformerFactory(cfg.Client, 0).Core().V1()
	pc, err := node.NewPodController(controllerConfig(k.agent, pods, unused))
	if err != nil {
		return nil, fmt.Errorf("create pod controller: %w", err)
	}
	factory.Start(ctx.Done())
	return pc, nil
}

func controllerConfig(a *agent, pods corev1informers.PodInformer, unused corev1informers.Interface) node.PodControllerConfig {
	// Quick at first, and never giving up: an API server can be away for minutes.
	limiter := func() workqueue.TypedRateLimiter[any] {
		return workqueue.NewTypedItemExponentialFailureRateLimiter[any](time.Millisecond, 2*time.Second)
	}
	always := func(context.Context, string, int, time.Time, error) (*time.Duration, error) { return nil, nil }
	return node.PodControllerConfig{
		PodClient:   podClients{PodsGetter: a.cfg.Client.CoreV1(), agent: a},
		PodInformer: pods,
		// Without a channel it drops events: two API writes per pod for what its status says.
		EventRecorder:             &record.FakeRecorder{},
		Provider:                  a,
		ConfigMapInformer:         unused.ConfigMaps(),
		SecretInformer:            unused.Secrets(),
		ServiceInformer:           unused.Services(),
		SkipDownwardAPIResolution: true,

		SyncPodsFromKubernetesRateLimiter:        limiter(),
		SyncPodsFromKubernetesShouldRetryFunc:    always,
		DeletePodsFromKubernetesRateLimiter:      limiter(),
		DeletePodsFromKubernetesShouldRetryFunc:  always,
		SyncPodStatusFromProviderRateLimiter:     limiter(),
		SyncPodStatusFromProviderShouldRetryFunc: always,
	}
}

// watchGaps handles what the pod controller does not: after a watch was interrupted, a pod
// can have been replaced by another of its name, and a deletion can come without its
// object.
func (a *agent) watchGaps(informer cache.SharedIndexInformer) error {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			was, is := before.(*corev1.Pod), after.(*corev1.Pod)
			if was.UID != is.UID && is.DeletionTimestamp == nil {
				_ = a.CreatePod(a.ctx, is.DeepCopy())
			}
		},
		DeleteFunc: func(obj any) {
			gone, ok := obj.(cache.DeletedFinalStateUnknown)
			if !ok {
				return
			}
			if pod, ok := gone.Obj.(*corev1.Pod); ok {
				// It may not have been here.
				_ = a.DeletePod(a.ctx, pod)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	return nil
}

func (k *Kubelet) nodeController() (*node.NodeController, error) {
	cfg := &k.agent.cfg
	leases := cfg.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	nc, err := node.NewNodeController(node.NaiveNodeProvider{}, nodeObject(cfg, k.agent.now()), cfg.Client.CoreV1().Nodes(),
		node.WithNodeEnableLeaseV1(leases, leaseSeconds))
	if err != nil {
		return nil, fmt.Errorf("create node controller: %w", err)
	}
	return nc, nil
}

// Exec runs cmd in a container of a pod on this node until it ends or ctx does, which kills
// it. The command sees the end of s.In. container may be "" for the first one. The error is
// a *clusters.ExitError when the command ran and exited with another code than 0.
func (k *Kubelet) Exec(ctx context.Context, namespace, pod, container string, cmd []string, s clusters.Streams) error {
	c, err := k.agent.container(namespace, pod, container)
	if err != nil {
		return err
	}
	return c.exec(ctx, cmd, s)
}

// vkLog hands the pod controller's warnings and errors to slog and drops the rest, which is
// several lines per pod and change.
type vkLog struct{ log *slog.Logger }

func (vkLog) Debug(...any)          {}
func (vkLog) Debugf(string, ...any) {}
func (vkLog) Info(...any)           {}
func (vkLog) Infof(string, ...any)  {}

func (l vkLog) Warn(a ...any)             { l.log.Debug(fmt.Sprint(a...)) }
func (l vkLog) Warnf(f string, a ...any)  { l.log.Debug(fmt.Sprintf(f, a...)) }
func (l vkLog) Errorf(f string, a ...any) { l.log.Warn(fmt.Sprintf(f, a...)) }
func (l vkLog) Fatal(a ...any)            { l.log.Error(fmt.Sprint(a...)) }
func (l vkLog) Fatalf(f string, a ...any) { l.log.Error(fmt.Sprintf(f, a...)) }

func (l vkLog) Error(a ...any) {
	// The controller says so when a grace period is over. It is not so: podClient.Delete
	// waits for the pod's end.
	if msg := fmt.Sprint(a...); msg != "Force deleting pod in running state" {
		l.log.Warn(msg)
	}
}

func (l vkLog) WithField(key string, value any) vklog.Logger { return vkLog{l.log.With(key, value)} }
func (l vkLog) WithError(err error) vklog.Logger             { return l.WithField("err", err) }

func (l vkLog) WithFields(all vklog.Fields) vklog.Logger {
	for key, value := range all {
		l.log = l.log.With(key, value)
	}
	return l
}
