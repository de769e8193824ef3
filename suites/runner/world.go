package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typednetv1 "k8s.io/client-go/kubernetes/typed/networking/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

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
	return a.now(), nil
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

// Rounds implements cases.World.
func (a *fixtureSet) Rounds(n int) int { return n }

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
	p.Labels = a.Labelled(p.Labels)
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

// errTaken is what the API server would have had to refuse.
var errTaken = errors.New("the API server takes what it must refuse")

// RefusePolicy implements cases.World. Nothing is stored, whatever the API server says.
func (a *fixtureSet) RefusePolicy(ctx context.Context, logical *netv1.NetworkPolicy) error {
	p, err := cases.BindPolicy(logical, a)
	if err != nil {
		return err
	}
	_, err = a.policies(logical.Namespace).Create(ctx, p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case apierrors.IsInvalid(err):
		return nil
	case err != nil:
		return err
	}
	return errTaken
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

// OpenFlow implements cases.World. The watch of the step opens the flow with its first probe.
func (a *fixtureSet) OpenFlow(_ context.Context, f cases.OpenFlow) error {
	for _, family := range a.Families() {
		a.flows[heldFlow{f.Name, family}] = max(1, rand.Uint64())
	}
	return nil
}

// LabelPod implements cases.World.
func (a *fixtureSet) LabelPod(ctx context.Context, l cases.LabelPod) error {
	_, err := a.client.CoreV1().Pods(a.Namespace(l.Namespace)).Patch(ctx, l.Name, types.MergePatchType, labelPatch(l.Labels), metav1.PatchOptions{})
	return err
}

// LabelNamespace implements cases.World.
func (a *fixtureSet) LabelNamespace(ctx context.Context, l cases.LabelNamespace) error {
	_, err := a.client.CoreV1().Namespaces().Patch(ctx, a.Namespace(l.Name), types.MergePatchType, labelPatch(l.Labels), metav1.PatchOptions{})
	return err
}

// CreatePod creates a pod and, where somebody may go by it, its Service, and starts its prober
// when it runs.
func (a *fixtureSet) CreatePod(ctx context.Context, p cases.Pod) error {
	key := p.Key()
	p.Namespace = a.Namespace(p.Namespace)
	fronted := !p.Made || a.fronted
	if fronted {
		if err := a.createFront(ctx, p); err != nil {
			return err
		}
	}
	r := pods.Resident{
		Name: p.Key(), Namespace: p.Namespace, Pod: p.Name, Listen: fixture.Listen(p),
		Main: p.Made && !p.HostNetwork, Lingers: p.Lingers,
	}
	object := a.PodObject(p)
	if freed := a.ended[p.AddressOf]; len(freed) > 0 {
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, a.cluster.(clusters.Addresser).AddressAnnotation(), freed[0].String())
		a.births.approach(ctx, key, freed)
	}
	var known func([]netip.Addr)
	if r.Main {
		r.Gather = a.timing.Gather
		object.Spec.Containers[0].Command = r.Command(a.births.departing(key, r.Name)...)
		known = func(ips []netip.Addr) { a.births.approach(ctx, key, ips) }
	}
	running, err := a.startPod(ctx, object, known)
	if err != nil {
		return err
	}
	started := &pod{
		key: key, prober: r.Name, node: cases.NodeKey(p.Node), control: a.controlOf(p.Node),
		ips: statusIPs(running), since: a.now(),
	}
	if fronted {
		if started.by, err = a.ownFront(ctx, p); err != nil {
			return err
		}
	}
	if err := a.addProber(ctx, r); err != nil {
		return fmt.Errorf("start prober of pod %s: %w", key, err)
	}
	if !p.HostNetwork {
		a.awaitServers(ctx, started)
	}
	a.put(started)
	if p.Lingers {
		a.lingers[key] = true
	}
	return nil
}

// DeletePod deletes a pod and its prober and waits until it is gone. Its Service stays. One that
// lingers is told to end, and is killed the second time.
func (a *fixtureSet) DeletePod(ctx context.Context, pod cases.Ref) error {
	client := a.client.CoreV1().Pods(a.Namespace(pod.Namespace))
	var options metav1.DeleteOptions
	if fresh, lingers := a.lingers[pod.Key()]; fresh {
		a.lingers[pod.Key()] = false
		return client.Delete(ctx, pod.Name, options)
	} else if lingers {
		delete(a.lingers, pod.Key())
		options = *metav1.NewDeleteOptions(0)
	}
	a.drop(func(k string) bool { return k == pod.Key() })
	if err := client.Delete(ctx, pod.Name, options); err != nil {
		return err
	}
	return a.awaitGone(ctx, func(ctx context.Context) error {
		_, err := client.Get(ctx, pod.Name, metav1.GetOptions{})
		return err
	})
}

// CompletePod ends the prober of a pod, whose main process it is, and waits until the pod has
// succeeded.
func (a *fixtureSet) CompletePod(ctx context.Context, pod cases.Ref) error {
	p := a.pod(pod.Key())
	if p == nil {
		return fmt.Errorf("pod %s is not there", pod.Key())
	}
	// The answer may be lost: what carries it ends with the pod. Its phase says whether it was asked.
	unheard := a.fleet.End(ctx, p.prober)
	a.drop(func(k string) bool { return k == pod.Key() })
	err := a.poll(ctx, func(ctx context.Context) (bool, error) {
		p, err := a.client.CoreV1().Pods(a.Namespace(pod.Namespace)).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if p.Status.Phase == corev1.PodFailed {
			return false, fmt.Errorf("pod %s failed instead: %s", pod.Key(), podState(p))
		}
		return p.Status.Phase == corev1.PodSucceeded, nil
	})
	if err != nil {
		return fmt.Errorf("complete pod %s: %w", pod.Key(), errors.Join(err, unheard))
	}
	return nil
}

// CreateNamespace implements cases.World.
func (a *fixtureSet) CreateNamespace(ctx context.Context, n cases.Namespace) error {
	n.Name = a.Namespace(n.Name)
	return a.createNamespace(ctx, a.NamespaceObject(n))
}

// DeleteNamespace deletes a namespace and the probers in it and waits until it is gone.
func (a *fixtureSet) DeleteNamespace(ctx context.Context, name string) error {
	if err := a.beginDelete(ctx, name); err != nil {
		return err
	}
	return a.awaitGone(ctx, func(ctx context.Context) error {
		_, err := a.client.CoreV1().Namespaces().Get(ctx, a.Namespace(name), metav1.GetOptions{})
		return err
	})
}

// beginDelete deletes a namespace without waiting.
func (a *fixtureSet) beginDelete(ctx context.Context, name string) error {
	a.drop(func(key string) bool { return strings.HasPrefix(key, name+"/") })
	return a.client.CoreV1().Namespaces().Delete(ctx, a.Namespace(name), metav1.DeleteOptions{})
}

func (a *fixtureSet) policies(logical string) typednetv1.NetworkPolicyInterface {
	return a.client.NetworkingV1().NetworkPolicies(a.Namespace(logical))
}
