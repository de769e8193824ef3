package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// patience is how often the API server is asked for a state that is waited for: the longer
// it takes, the less often, as dozens of pods wait for their containers at once.
func patience() wait.Backoff {
	return wait.Backoff{Duration: 25 * time.Millisecond, Factor: 1.1, Steps: 100, Cap: 400 * time.Millisecond}
}

// do makes one change and returns when the API server has answered, and for pods and
// namespaces when they run or are gone. acked is when that was; the prober of a new pod
// comes up after it.
func (a *fixtureSet) do(ctx context.Context, logical cases.Action) (acked time.Duration, err error) {
	bound, err := logical.Bind(a)
	if err != nil {
		return 0, err
	}
	if err := a.doBound(ctx, logical, bound); err != nil {
		return 0, fmt.Errorf("%s: %w", logical, err)
	}
	if p := logical.CreatePod; p != nil {
		return a.pod(p.Key()).since, nil
	}
	return a.run.cfg.Now(), nil
}

func (a *fixtureSet) doBound(ctx context.Context, logical, bound cases.Action) error {
	core, policies := a.run.cfg.Client.CoreV1(), a.run.cfg.Client.NetworkingV1()
	switch {
	case bound.Apply != nil:
		return a.applyPolicy(ctx, bound.Apply)
	case bound.Patch != nil:
		_, err := policies.NetworkPolicies(bound.Patch.Namespace).Patch(ctx, bound.Patch.Name,
			types.MergePatchType, bound.Patch.Merge, metav1.PatchOptions{})
		return err
	case bound.Delete != nil:
		return policies.NetworkPolicies(bound.Delete.Namespace).Delete(ctx, bound.Delete.Name, metav1.DeleteOptions{})
	case bound.LabelPod != nil:
		_, err := core.Pods(bound.LabelPod.Namespace).Patch(ctx, bound.LabelPod.Name,
			types.MergePatchType, labelPatch(bound.LabelPod.Labels), metav1.PatchOptions{})
		return err
	case bound.LabelNamespace != nil:
		_, err := core.Namespaces().Patch(ctx, bound.LabelNamespace.Name,
			types.MergePatchType, labelPatch(bound.LabelNamespace.Labels), metav1.PatchOptions{})
		return err
	case bound.CreatePod != nil:
		return a.createPod(ctx, logical.CreatePod.Key(), *bound.CreatePod)
	case bound.DeletePod != nil:
		return a.deletePod(ctx, logical.DeletePod.Key(), *bound.DeletePod)
	case bound.CreateNamespace != nil:
		return a.createNamespace(ctx, *bound.CreateNamespace)
	default:
		return a.deleteNamespace(ctx, logical.DeleteNamespace, bound.DeleteNamespace)
	}
}

// labelPatch is the merge patch of labels; a nil value is null, which removes the label.
func labelPatch(labels map[string]*string) []byte {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		panic(err) // a map of strings
	}
	return patch
}

func (a *fixtureSet) applyPolicy(ctx context.Context, p *netv1.NetworkPolicy) error {
	p = p.DeepCopy()
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[fixture.RunLabel], p.Labels[fixture.SetLabel] = a.ID, a.Name
	client := a.run.cfg.Client.NetworkingV1().NetworkPolicies(p.Namespace)
	_, err := client.Create(ctx, p, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	old, err := client.Get(ctx, p.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	p.ResourceVersion = old.ResourceVersion
	_, err = client.Update(ctx, p, metav1.UpdateOptions{})
	return err
}

// createPod creates a bound pod and its Service, and starts its prober when it runs.
func (a *fixtureSet) createPod(ctx context.Context, key string, p cases.Pod) error {
	services, err := a.createService(ctx, p)
	if err != nil {
		return err
	}
	client := a.run.cfg.Client
	running, err := a.run.startPod(ctx, a.PodObject(p))
	if err != nil {
		return err
	}
	since := a.run.cfg.Now()
	if services == nil { // a cluster may give the addresses only later
		svc, err := client.CoreV1().Services(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		services = parseIPs(svc.Spec.ClusterIPs)
	}
	started := &pod{
		key: key, prober: p.Namespace + "/" + p.Name, control: a.run.controlOf(p.Node),
		ips: statusIPs(running), services: services, since: since,
	}
	return a.attach(ctx, started, residence{
		name: started.prober, namespace: p.Namespace, pod: p.Name, listen: fixture.Listen(p.Ports),
	})
}

func (a *fixtureSet) createService(ctx context.Context, p cases.Pod) ([]netip.Addr, error) {
	client := a.run.cfg.Client.CoreV1().Services(p.Namespace)
	svc, err := client.Create(ctx, a.ServiceObject(p), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) { // of a pod that is created again
		svc, err = client.Get(ctx, p.Name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("create service %s/%s: %w", p.Namespace, p.Name, err)
	}
	return parseIPs(svc.Spec.ClusterIPs), nil
}

// startPod creates a pod and waits until it runs. A namespace that is a moment old has no
// service account yet, and the API server refuses pods until it has.
func (s *suite) startPod(ctx context.Context, object *corev1.Pod) (*corev1.Pod, error) {
	client := s.cfg.Client.CoreV1().Pods(object.Namespace)
	var lastRefusal error
	err := s.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := client.Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount") {
			lastRefusal = err
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("create pod %s/%s: %w", object.Namespace, object.Name, errors.Join(err, lastRefusal))
	}
	var running *corev1.Pod
	err = s.poll(ctx, func(ctx context.Context) (bool, error) {
		running, err = client.Get(ctx, object.Name, metav1.GetOptions{})
		if err == nil {
			err = hopeless(running)
		}
		return err == nil && s.runs(running), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for pod %s/%s to run: %w (%s)", object.Namespace, object.Name, err, podState(running))
	}
	return running, nil
}

// runs says that the pod's containers run and that it has an address of each family.
func (s *suite) runs(p *corev1.Pod) bool {
	if p.Status.Phase != corev1.PodRunning {
		return false
	}
	for i := range p.Status.ContainerStatuses {
		if !p.Status.ContainerStatuses[i].Ready {
			return false
		}
	}
	ips := statusIPs(p)
	for _, f := range s.objects.Families {
		if !f.First(ips).IsValid() {
			return p.Spec.HostNetwork && len(ips) > 0 // a node may have fewer addresses
		}
	}
	return true
}

// hopeless is why a pod will not run however long it is waited for: what a kubelet says of
// an image that is misnamed, or that is not there and may not be pulled.
func hopeless(p *corev1.Pod) error {
	for i := range p.Status.ContainerStatuses {
		c := &p.Status.ContainerStatuses[i]
		if w := c.State.Waiting; w != nil && (w.Reason == "InvalidImageName" || w.Reason == "ErrImageNeverPull") {
			return fmt.Errorf("container %s can't start: %s; see --image and --registry", c.Name, w.Reason)
		}
	}
	return nil
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

// deletePod deletes a pod and its prober and waits until it is gone. Its Service stays.
func (a *fixtureSet) deletePod(ctx context.Context, key string, r cases.Ref) error {
	a.drop(func(k string) bool { return k == key })
	client := a.run.cfg.Client.CoreV1().Pods(r.Namespace)
	if err := client.Delete(ctx, r.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return a.run.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, r.Name, metav1.GetOptions{})
		return gone(err)
	})
}

func (a *fixtureSet) createNamespace(ctx context.Context, bound cases.Namespace) error {
	return a.run.createNamespace(ctx, a.NamespaceObject(bound))
}

// createNamespace creates a namespace and in it what its pods need to be pulled.
func (s *suite) createNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	client := s.cfg.Client.CoreV1()
	if _, err := client.Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", namespace.Name, err)
	}
	if secret := s.objects.SecretObject(namespace.Name); secret != nil {
		if _, err := client.Secrets(namespace.Name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create secret %s/%s: %w", namespace.Name, secret.Name, err)
		}
	}
	return nil
}

func (a *fixtureSet) deleteNamespace(ctx context.Context, logical, name string) error {
	a.drop(inNamespace(logical))
	client := a.run.cfg.Client.CoreV1().Namespaces()
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return a.run.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		return gone(err)
	})
}

// inNamespace matches the keys of the pods of a logical namespace.
func inNamespace(logical string) func(key string) bool {
	return func(key string) bool { return strings.HasPrefix(key, logical+"/") }
}

func gone(err error) (bool, error) {
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return false, err
}

// poll asks at once and then again and again, to the deadline of the fixture.
func (s *suite) poll(ctx context.Context, done wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timing.Fixture)
	defer cancel()
	return patience().DelayFunc().Until(ctx, true, false, done)
}

// Cleanup deletes all namespaces of a run, with all that is in them, without waiting. It
// finds them by their label and touches no others.
func Cleanup(ctx context.Context, client kubernetes.Interface, runID string) error {
	return deleteNamespaces(ctx, client, fixture.Selector(runID))
}

func deleteNamespaces(ctx context.Context, client kubernetes.Interface, selector string) error {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	var errs []error
	for i := range list.Items {
		name := list.Items[i].Name
		err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete namespace %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func statusIPs(p *corev1.Pod) []netip.Addr {
	var ips []string
	for _, ip := range p.Status.PodIPs {
		ips = append(ips, ip.IP)
	}
	return parseIPs(ips)
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
