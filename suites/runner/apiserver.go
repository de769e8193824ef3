package runner

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/fixture"
)

// apiServer is the API server of the cluster, as the objects of a run need it.
type apiServer struct {
	client   kubernetes.Interface
	objects  fixture.Run
	patience time.Duration // until pods run and what was deleted is gone
}

// backoff is how often the API server is asked for a state that is waited for: the longer
// it takes, the less often, as dozens of pods wait for their containers at once.
func backoff(first time.Duration) wait.Backoff {
	return wait.Backoff{Duration: first, Factor: 1.1, Steps: 100, Cap: 400 * time.Millisecond}
}

// unhurried is the first pause of what is polled, hurried that of what is waited for with an
// eye on its first instants.
const (
	unhurried = 25 * time.Millisecond
	hurried   = 5 * time.Millisecond
)

// poll asks at once and then again and again, as long as patience lasts.
func (s *apiServer) poll(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return s.pollFrom(ctx, unhurried, done)
}

func (s *apiServer) pollFrom(ctx context.Context, first time.Duration, done wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	return backoff(first).DelayFunc().Until(ctx, true, false, done)
}

// awaitGone waits until get finds nothing any more.
func (s *apiServer) awaitGone(ctx context.Context, get func(context.Context) error) error {
	return s.poll(ctx, func(ctx context.Context) (bool, error) {
		err := get(ctx)
		return apierrors.IsNotFound(err), ignoreGone(err)
	})
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// createNamespace creates a namespace and in it what its pods need to be pulled.
func (s *apiServer) createNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	return pods.CreateNamespace(ctx, s.client, namespace, s.objects.SecretObject(namespace.Name))
}

// createPod creates a pod, in a namespace that may be a moment old.
func (s *apiServer) createPod(ctx context.Context, object *corev1.Pod) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	if _, err := pods.Create(ctx, s.client, object, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pod %s/%s: %w", object.Namespace, object.Name, err)
	}
	return nil
}

// startPod creates a pod and waits until it runs. known, when it is not nil, is told of the pod's
// addresses as soon as there are some.
func (s *apiServer) startPod(ctx context.Context, object *corev1.Pod, known func([]netip.Addr)) (*corev1.Pod, error) {
	if err := s.createPod(ctx, object); err != nil {
		return nil, err
	}
	var running *corev1.Pod
	pause := unhurried
	if known != nil {
		pause = hurried
	}
	err := s.pollFrom(ctx, pause, func(ctx context.Context) (_ bool, err error) {
		running, err = s.client.CoreV1().Pods(object.Namespace).Get(ctx, object.Name, metav1.GetOptions{})
		if err == nil {
			err = pods.Hopeless(running)
		}
		if ips := statusIPs(running); err == nil && known != nil && len(ips) > 0 {
			known(ips)
		}
		return err == nil && s.runs(running), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for pod %s/%s to run: %w (%s)", object.Namespace, object.Name, err, podState(running))
	}
	return running, nil
}

// runs reports whether the pod's containers run and it has an address of each family.
func (s *apiServer) runs(p *corev1.Pod) bool {
	waits := func(c corev1.ContainerStatus) bool { return !c.Ready }
	if p.Status.Phase != corev1.PodRunning || slices.ContainsFunc(p.Status.ContainerStatuses, waits) {
		return false
	}
	ips := statusIPs(p)
	_, fewer := p.Annotations[s.objects.FamilyAnnotation]
	for _, f := range s.objects.Families {
		if !f.First(ips).IsValid() {
			return (fewer || p.Spec.HostNetwork) && len(ips) > 0 // a node may have fewer addresses
		}
	}
	return true
}

func podState(p *corev1.Pod) string {
	if p == nil {
		return "never seen"
	}
	state := "phase " + string(p.Status.Phase)
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		if c.State.Waiting != nil {
			state += fmt.Sprintf(", %s waits: %s %s", c.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
		}
	}
	return state + fmt.Sprintf(", IPs %v", statusIPs(p))
}

func statusIPs(p *corev1.Pod) []netip.Addr {
	pod, _ := model.PodFromAPI(p)
	return pod.IPs
}

func parseIPs(texts []string) []netip.Addr {
	var ips []netip.Addr
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil { // "None" is no address
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}

// snapshot reads what decides the verdicts between pods of these namespaces. Pods in the
// nodes' own network belong to it, because policies must ignore them.
func (s *apiServer) snapshot(ctx context.Context, nodes []model.Node, namespaces []string) (model.Snapshot, error) {
	snap := model.Snapshot{Nodes: nodes}
	for _, name := range append([]string{s.objects.ControlNamespace()}, namespaces...) {
		ns, err := s.client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return snap, fmt.Errorf("read namespace: %w", err)
		}
		snap.Namespaces = append(snap.Namespaces, model.NamespaceFromAPI(ns))
		pods, err := s.client.CoreV1().Pods(name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return snap, fmt.Errorf("list pods: %w", err)
		}
		for i := range pods.Items {
			if p, ok := model.PodFromAPI(&pods.Items[i]); ok {
				snap.Pods = append(snap.Pods, p)
			}
		}
		policies, err := s.client.NetworkingV1().NetworkPolicies(name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return snap, fmt.Errorf("list policies: %w", err)
		}
		for i := range policies.Items {
			snap.Policies = append(snap.Policies, &policies.Items[i])
		}
	}
	snap.Sort()
	return snap, nil
}

// cleanupTimeout bounds what is still done after a run was cancelled.
const cleanupTimeout = 30 * time.Second

// Cleanup deletes all namespaces of a run, with all that is in them, without waiting. It
// finds them by their label and touches no others.
func Cleanup(ctx context.Context, client kubernetes.Interface, runID string) error {
	return clusters.DeleteSelected(ctx, client, fixture.Selector(runID))
}
