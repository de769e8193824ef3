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
	typednetv1 "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// patience is how often the API server is asked for a state that is waited for: the longer
// it takes, the less often, as dozens of pods wait for their containers at once.
func patience() wait.Backoff {
	return wait.Backoff{Duration: 25 * time.Millisecond, Factor: 1.1, Steps: 100, Cap: 400 * time.Millisecond}
}

var _ cases.World = (*fixtureSet)(nil)

// do makes one change and returns when the API server has answered, and for pods and
// namespaces when they run or are gone. acked is when that was; the prober of a new pod
// comes up after it.
func (a *fixtureSet) do(ctx context.Context, action cases.Action) (acked time.Duration, err error) {
	if err := cases.Do(ctx, a, action); err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	if key := cases.EffectOf(action).Creates; key != "" {
		return a.pod(key).since, nil
	}
	return a.run.cfg.Now(), nil
}

// undoing is a fixture set while a case is undone: what is gone already is no error, and
// namespaces that the case created are not waited for, as their names are never used again.
type undoing struct{ *fixtureSet }

// DeletePolicy implements cases.World.
func (u undoing) DeletePolicy(ctx context.Context, policy cases.Ref) error {
	return ignoreGone(u.fixtureSet.DeletePolicy(ctx, policy))
}

// DeletePod implements cases.World.
func (u undoing) DeletePod(ctx context.Context, pod cases.Ref) error {
	return ignoreGone(u.fixtureSet.DeletePod(ctx, pod))
}

// DeleteNamespace implements cases.World.
func (u undoing) DeleteNamespace(ctx context.Context, name string) error {
	return ignoreGone(u.beginDelete(ctx, name))
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// labelPatch is the merge patch of labels; a nil value is null, which removes the label.
func labelPatch(labels map[string]*string) []byte {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		panic(err) // a map of strings
	}
	return patch
}

// ApplyPolicy implements cases.World.
func (a *fixtureSet) ApplyPolicy(ctx context.Context, logical *netv1.NetworkPolicy) error {
	p, err := cases.BindPolicy(logical, a)
	if err != nil {
		return err
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[fixture.RunLabel], p.Labels[fixture.SetLabel] = a.ID, a.Name
	client := a.policies(logical.Namespace)
	_, err = client.Create(ctx, p, metav1.CreateOptions{})
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

// PatchPolicy implements cases.World.
func (a *fixtureSet) PatchPolicy(ctx context.Context, p cases.PatchPolicy) error {
	merge, err := cases.BindJSON(p.Merge, a)
	if err != nil {
		return err
	}
	_, err = a.policies(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, merge, metav1.PatchOptions{})
	return err
}

// DeletePolicy implements cases.World.
func (a *fixtureSet) DeletePolicy(ctx context.Context, policy cases.Ref) error {
	return a.policies(policy.Namespace).Delete(ctx, policy.Name, metav1.DeleteOptions{})
}

// LabelPod implements cases.World.
func (a *fixtureSet) LabelPod(ctx context.Context, l cases.LabelPod) error {
	_, err := a.run.cfg.Client.CoreV1().Pods(a.Namespace(l.Namespace)).Patch(ctx, l.Name, types.MergePatchType, labelPatch(l.Labels), metav1.PatchOptions{})
	return err
}

// LabelNamespace implements cases.World.
func (a *fixtureSet) LabelNamespace(ctx context.Context, l cases.LabelNamespace) error {
	_, err := a.run.cfg.Client.CoreV1().Namespaces().Patch(ctx, a.Namespace(l.Name), types.MergePatchType, labelPatch(l.Labels), metav1.PatchOptions{})
	return err
}

// CreatePod creates a pod and its Service, and starts its prober when it runs.
func (a *fixtureSet) CreatePod(ctx context.Context, p cases.Pod) error {
	key := p.Key()
	p.Namespace = a.Namespace(p.Namespace)
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
		key: key, prober: p.Key(), control: a.run.controlOf(p.Node),
		ips: statusIPs(running), services: services, since: since,
	}
	return a.attach(ctx, started, pods.Resident{
		Name: started.prober, Namespace: p.Namespace, Pod: p.Name, Listen: fixture.Listen(p.Ports),
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

// DeletePod deletes a pod and its prober and waits until it is gone. Its Service stays.
func (a *fixtureSet) DeletePod(ctx context.Context, pod cases.Ref) error {
	a.drop(func(k string) bool { return k == pod.Key() })
	client := a.run.cfg.Client.CoreV1().Pods(a.Namespace(pod.Namespace))
	if err := client.Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return a.run.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, pod.Name, metav1.GetOptions{})
		return gone(err)
	})
}

// CreateNamespace implements cases.World.
func (a *fixtureSet) CreateNamespace(ctx context.Context, n cases.Namespace) error {
	n.Name = a.Namespace(n.Name)
	return a.run.createNamespace(ctx, a.NamespaceObject(n))
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

// DeleteNamespace deletes a namespace and the probers in it and waits until it is gone.
func (a *fixtureSet) DeleteNamespace(ctx context.Context, name string) error {
	if err := a.beginDelete(ctx, name); err != nil {
		return err
	}
	return a.run.poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := a.run.cfg.Client.CoreV1().Namespaces().Get(ctx, a.Namespace(name), metav1.GetOptions{})
		return gone(err)
	})
}

// beginDelete deletes a namespace without waiting.
func (a *fixtureSet) beginDelete(ctx context.Context, name string) error {
	a.drop(func(key string) bool { return strings.HasPrefix(key, name+"/") })
	return a.run.cfg.Client.CoreV1().Namespaces().Delete(ctx, a.Namespace(name), metav1.DeleteOptions{})
}

func (a *fixtureSet) policies(logical string) typednetv1.NetworkPolicyInterface {
	return a.run.cfg.Client.NetworkingV1().NetworkPolicies(a.Namespace(logical))
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
