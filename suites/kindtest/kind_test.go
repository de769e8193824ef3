package kindtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
)

const (
	askVariable      = "NETASSAY_KIND"
	topologyVariable = "NETASSAY_KIND_TOPOLOGY"   // "" is dual
	imageVariable    = "NETASSAY_KIND_NODE_IMAGE" // "" is our own

	// patience is for whatever waits for a container, or for a daemon on a busy machine.
	patience = 4 * time.Minute
	every    = 100 * time.Millisecond
)

// TestOnKind runs all scenarios on one cluster, one after the other: the later ones change
// the agent's options.
func TestOnKind(t *testing.T) {
	if os.Getenv(askVariable) != "1" {
		t.Skipf("makes a real cluster by Docker: set %s=1, or make test-kind", askVariable)
	}
	w := newWorld(t)
	t.Run("kubelet probes under default deny", w.kubeletProbes)
	t.Run("first packet of a container", w.firstPacket)
	t.Run("agent updated under probe", w.rollingUpdate)
	t.Run("node restarts", w.nodeRestart)
}

// world is a cluster with the reference enforcer at work.
type world struct {
	cluster *kind.Cluster
	client  kubernetes.Interface
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if err := kind.Available(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := kind.Start(t.Context(), kind.Config{
		Topology: os.Getenv(topologyVariable), NodeImage: os.Getenv(imageVariable), Progress: func(s string) { t.Log(s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		t.Fatal(err)
	}
	entry, err := registry.Lookup("reference")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := entry.Build(t.Context(), binaries.Own)
	if err != nil {
		t.Fatal(err)
	}
	target := engines.Target{REST: c.REST(), Image: c.Image, Nodes: c.Nodes()}
	if err := engine.(engines.Deployable).Deploy(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	return &world{cluster: c, client: client}
}

// worker is the nth node that has no control plane, from 0.
func (w *world) worker(n int) string {
	var workers []string
	for _, name := range w.cluster.Nodes() {
		if strings.Contains(name, "-worker") {
			workers = append(workers, name)
		}
	}
	return workers[n%len(workers)]
}

// namespace makes a namespace that goes with the test.
func (w *world) namespace(t *testing.T, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.client.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}) // the cluster goes as well
	})
}

// deny isolates the pods with labels of a namespace, but for those labelled allow=yes.
func (w *world) deny(t *testing.T, namespace string, labels map[string]string, kinds ...netv1.PolicyType) {
	t.Helper()
	friends := []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"allow": "yes"}}}}
	p := &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "deny"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: labels}, PolicyTypes: kinds,
			Ingress: []netv1.NetworkPolicyIngressRule{{From: friends}},
		},
	}
	if len(kinds) == 1 && kinds[0] == netv1.PolicyTypeEgress {
		p.Spec.Ingress = nil
	}
	if _, err := w.client.NetworkingV1().NetworkPolicies(namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// agnhost is a pod that runs agnhost with args.
func (w *world) agnhost(namespace, name, node string, args ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"pod": name}},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: ptr.To[int64](1), AutomountServiceAccountToken: ptr.To(false),
			Containers: []corev1.Container{{
				Name: "agnhost", Image: w.cluster.Image("agnhost"), Command: append([]string{"/agnhost"}, args...),
			}},
		},
	}
}

// create makes a pod as soon as its namespace has a service account.
func (w *world) create(t *testing.T, p *corev1.Pod) {
	t.Helper()
	w.await(t, "create pod "+p.Name, func(ctx context.Context) (bool, string) {
		_, err := w.client.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{})
		return err == nil || apierrors.IsAlreadyExists(err), fmt.Sprint(err)
	})
}

// awaitPod waits until a pod is as it should be, and returns it.
func (w *world) awaitPod(t *testing.T, namespace, name string, done func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	w.await(t, "pod "+namespace+"/"+name, func(ctx context.Context) (bool, string) {
		got, err := w.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		pod = got
		return done(got), fmt.Sprintf("%s, %+v", got.Status.Phase, got.Status.ContainerStatuses)
	})
	return pod
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && len(p.Status.PodIPs) > 0
		}
	}
	return false
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// await polls until done.
func (w *world) await(t *testing.T, what string, done func(context.Context) (ok bool, state string)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), every, patience, true, func(ctx context.Context) (ok bool, err error) {
		ok, last = done(ctx)
		return ok, nil
	})
	if err != nil {
		t.Fatalf("wait for %s: %v (last: %s)", what, err, last)
	}
}

// connects reports whether a pod connects to an address: true, false for silence. Anything
// else is neither, and an error.
func (w *world) connects(ctx context.Context, namespace, pod string, to netip.Addr) (bool, error) {
	var out, errs bytes.Buffer
	command := []string{"/agnhost", "connect", net.JoinHostPort(to.String(), "8080"), "--timeout=1s"}
	err := w.cluster.Exec(ctx, namespace, pod, "agnhost", command, clusters.Streams{Out: &out, Err: &errs})
	var exit *clusters.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit) && strings.TrimSpace(out.String()+errs.String()) == "TIMEOUT":
		return false, nil
	default:
		return false, fmt.Errorf("connect from %s to %s: %w: %s%s", pod, to, err, out.String(), errs.String())
	}
}

// awaitConnects waits until a pod connects to all addresses of another, or to none.
func (w *world) awaitConnects(t *testing.T, namespace, from string, to *corev1.Pod, want bool) {
	t.Helper()
	for _, ip := range addresses(t, to) {
		w.await(t, fmt.Sprintf("%s to %s: connects %v", from, ip, want), func(ctx context.Context) (bool, string) {
			got, err := w.connects(ctx, namespace, from, ip)
			return err == nil && got == want, fmt.Sprintf("connects %v, %v", got, err)
		})
	}
}

func addresses(t *testing.T, p *corev1.Pod) []netip.Addr {
	t.Helper()
	var all []netip.Addr
	for _, ip := range p.Status.PodIPs {
		a, err := netip.ParseAddr(ip.IP)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

const (
	agentNamespace = "kube-system"
	agentName      = "netassay-enforcer"
)

// updateAgent patches the agent's DaemonSet and waits until all its pods are new and in
// sync.
func (w *world) updateAgent(t *testing.T, patch string) {
	t.Helper()
	sets := w.client.AppsV1().DaemonSets(agentNamespace)
	if _, err := sets.Patch(t.Context(), agentName, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.await(t, "update of the agent", func(ctx context.Context) (bool, string) {
		ds, err := sets.Get(ctx, agentName, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		s := ds.Status
		done := s.ObservedGeneration >= ds.Generation && s.UpdatedNumberScheduled == s.DesiredNumberScheduled && s.NumberReady == s.DesiredNumberScheduled
		return done, fmt.Sprintf("%+v", s)
	})
}
