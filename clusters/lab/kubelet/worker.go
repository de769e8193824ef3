package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
	"github.com/netassay/netassay/clusters/lab/kubelet/process"
	"github.com/netassay/netassay/model"
)

// worker runs one pod. Its loop owns the fields of the first group; what others want of the
// pod they post to the loop or read from view.
type worker struct {
	pod   *corev1.Pod // as the API server gave it last
	state lifecycle.Pod
	runs  map[string]*run // the current run of each container that runs
	net   PodNetwork
	space *process.Space
	last  *corev1.PodStatus // as published

	agent   *agent
	log     *slog.Logger
	key     string
	uid     types.UID
	mail    chan func()
	gone    chan struct{}   // closed when processes and addresses are released
	ctx     context.Context // ends with gone
	cancel  context.CancelFunc
	stop    context.Context // ends when the pod is to end
	stopNow context.CancelFunc
	kill    context.Context // ends when the grace period has passed
	killNow context.CancelFunc
	view    atomic.Pointer[view]

	mu       sync.Mutex
	deadline time.Time // end of the grace period
	timer    *time.Timer
}

// view is what others see of a pod. It is never changed, only replaced.
type view struct {
	pod   *corev1.Pod // with its status
	runs  map[string]*run
	space *process.Space // nil before the network is there
	net   PodNetwork
}

func newWorker(a *agent, pod *corev1.Pod) *worker {
	key := lifecycle.Key(pod.Namespace, pod.Name, pod.UID)
	w := &worker{
		pod: pod, state: lifecycle.New(pod, a.now()), runs: map[string]*run{},
		agent: a, log: a.cfg.Log.With("pod", pod.Namespace+"/"+pod.Name), key: key, uid: pod.UID,
		mail: make(chan func(), 16), gone: make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(a.ctx)
	w.stop, w.stopNow = context.WithCancel(w.ctx)
	w.kill, w.killNow = context.WithCancel(w.ctx)
	w.state.HostIPs = texts(a.cfg.NodeIPs)
	w.view.Store(&view{pod: pod})
	return w
}

// post has fn run by the loop; it is dropped when the pod is gone.
func (w *worker) post(fn func()) {
	select {
	case w.mail <- fn:
	case <-w.gone:
	}
}

// update takes over a changed pod object.
func (w *worker) update(pod *corev1.Pod) {
	w.post(func() {
		w.pod = pod
		w.state.Generation = pod.Generation
		for name, r := range w.runs {
			if spec := specOf(pod, name); spec.Image != r.spec.Image {
				w.restart(r, graceOf(pod), errors.New("its image was changed"))
			}
		}
	})
}

// terminate has the pod end within grace; a later call can only shorten it.
func (w *worker) terminate(grace time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	deadline := time.Now().Add(grace)
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(grace, w.killNow)
	case deadline.Before(w.deadline):
		w.timer.Reset(grace)
	default:
		return
	}
	w.deadline = deadline
	if grace <= 0 {
		w.killNow()
	}
	w.stopNow()
}

// run is the life of the pod.
func (w *worker) run() {
	defer w.end()
	if len(w.pod.Spec.Volumes) > 0 {
		w.log.Warn("the lab mounts no volumes: containers see the files of the host")
	}
	stopping := w.stop.Done()
	if !w.attach() {
		w.state.Deleting = true
		stopping = nil
	}
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		select {
		case fn := <-w.mail:
			fn()
		case <-wake.C:
		case <-stopping:
			stopping = nil
			w.state.Deleting = true
			for _, r := range w.runs {
				go r.proc.Stop(w.kill)
			}
		}
		at, end := w.reconcile()
		if end {
			return
		}
		if !at.IsZero() {
			wake.Reset(time.Until(at))
		}
	}
}

// attach gets the network and the pod's namespaces, trying until it works; false means that
// the pod was told to end before.
func (w *worker) attach() bool {
	return retry(w.stop, func() error {
		err := w.tryAttach()
		if err != nil && w.stop.Err() == nil {
			w.log.Warn("attach pod to network", "err", err)
			w.publish()
		}
		return err
	}) == nil
}

func (w *worker) tryAttach() error {
	if w.pod.Spec.HostNetwork {
		w.net = hostNetwork{ips: w.agent.cfg.NodeIPs, do: w.agent.cfg.HostDo}
	} else {
		want, err := wanted(w.pod)
		if err != nil {
			return err
		}
		net, err := w.agent.cfg.Attach(Request{
			Key: w.key, Namespace: w.pod.Namespace, Name: w.pod.Name, UID: string(w.uid),
			Address: want, Family: model.Family(w.pod.Annotations[FamilyAnnotation]),
		})
		if err != nil {
			return err
		}
		w.net = net
	}
	space, err := process.NewSpace(w.hostname(), w.net.Do)
	if err != nil {
		if cerr := w.net.Close(); cerr != nil {
			w.log.Error("close network of pod", "err", cerr)
		}
		w.net = nil
		return err
	}
	w.space = space
	w.state.Networked = true
	w.state.PodIPs = texts(w.net.IPs())
	return nil
}

// wanted is the address that the pod asks for, not valid where it asks for none.
func wanted(pod *corev1.Pod) (netip.Addr, error) {
	text, ok := pod.Annotations[AddressAnnotation]
	if !ok {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addr, fmt.Errorf("annotation %s: %w", AddressAnnotation, err)
	}
	return addr, nil
}

// hostname is the pod's hostname: the node's on the host's network, else what it asks for, or
// its name, cut to what a label of a domain name allows.
func (w *worker) hostname() string {
	if w.pod.Spec.HostNetwork {
		return w.agent.cfg.NodeName
	}
	name := cmp.Or(w.pod.Spec.Hostname, w.pod.Name)
	return strings.TrimRight(name[:min(len(name), 63)], "-.")
}

// reconcile does what is to be done now and publishes what came of it.
func (w *worker) reconcile() (wake time.Time, end bool) {
	for {
		d := lifecycle.Decide(&w.state, w.agent.now())
		if d.End {
			return time.Time{}, true
		}
		for _, i := range d.Start {
			w.start(&w.state.Containers[i])
		}
		if len(d.Start) > 0 {
			continue
		}
		w.publish()
		return d.Wake, false
	}
}

// publish makes a changed status known.
func (w *worker) publish() {
	status := lifecycle.Status(&w.state, w.conditions(), w.agent.now())
	if w.last != nil && apiequality.Semantic.DeepEqual(*w.last, status) {
		w.show() // a run may have been replaced
		return
	}
	w.last = &status
	w.agent.notify(w, w.show())
}

func (w *worker) conditions() []corev1.PodCondition {
	if w.last == nil {
		return w.view.Load().pod.Status.Conditions
	}
	return w.last.Conditions
}

func (w *worker) show() *corev1.Pod {
	pod := *w.pod
	if w.last != nil {
		pod.Status = *w.last
		pod.Status.QOSClass = w.pod.Status.QOSClass
	}
	w.view.Store(&view{pod: &pod, runs: maps.Clone(w.runs), space: w.space, net: w.net})
	return &pod
}

// end releases what the pod holds: first its processes, then its addresses. A pod whose
// processes can't be killed keeps its addresses.
func (w *worker) end() {
	w.release()
	w.state.Ended, w.state.Networked = true, false
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	w.publish()
	close(w.gone)
	w.cancel()
	if w.stopped() {
		w.agent.finish(w)
	}
}

func (w *worker) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.timer != nil
}

func (w *worker) release() {
	if w.space == nil {
		return
	}
	if err := w.space.KillAll(w.ctx); err != nil {
		w.log.Error("end pod: its addresses stay taken", "err", err)
		return
	}
	if err := w.net.Close(); err != nil {
		w.log.Error("close network of pod", "err", err)
	}
	if err := w.space.Close(); err != nil {
		w.log.Error("close namespaces of pod", "err", err)
	}
	w.space, w.net = nil, nil
}

func graceOf(pod *corev1.Pod) time.Duration {
	return seconds(pod.Spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds*time.Second)
}

// seconds is s, or otherwise when it is not given.
func seconds(s *int64, otherwise time.Duration) time.Duration {
	if s == nil {
		return otherwise
	}
	return time.Duration(*s) * time.Second
}
