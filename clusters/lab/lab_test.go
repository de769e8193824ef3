package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) {
	lab.ServeIfAsked(nil)
	sandbox.TestMain(m)
}

// programs are those in KUBEBUILDER_ASSETS; without it a test of a whole lab can't run.
func programs(t *testing.T) binaries.Set {
	t.Helper()
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KUBEBUILDER_ASSETS is not set: run make binaries, or set it")
		}
		t.Skip("KUBEBUILDER_ASSETS is not set")
	}
	set := binaries.Set{}
	for _, name := range lab.Programs() {
		set[name] = filepath.Join(dir, string(name))
	}
	return set
}

// world is a running lab with a client.
type world struct {
	*lab.Lab
	kubernetes.Interface
}

func start(t *testing.T, cfg lab.Config) world {
	t.Helper()
	sandbox.Require(t)
	cfg.Programs, cfg.LogDir, cfg.Progress = programs(t), t.TempDir(), func(s string) { t.Log(s) }
	l, err := lab.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(l.REST())
	if err != nil {
		t.Fatal(err)
	}
	return world{l, client}
}

// eventually polls until ok says yes.
func eventually(t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute: %v", what, err)
		case <-tick.C:
		}
	}
}

func (w world) namespace(t *testing.T, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := w.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// server is a pod with agnhost's web server.
func server(namespace, name, node string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"pod": name}},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "agnhost", Image: "registry.k8s.io/e2e-test-images/agnhost:2.53",
				Args: []string{"netexec", "--http-port=8080", "--udp-port=8081"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)},
				}},
			}},
		},
	}
}

func (w world) create(t *testing.T, pods ...*corev1.Pod) []*corev1.Pod {
	t.Helper()
	for _, p := range pods {
		if _, err := w.CoreV1().Pods(p.Namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]*corev1.Pod, len(pods))
	for i, p := range pods {
		eventually(t, p.Namespace+"/"+p.Name+" ready", func() (ready bool, err error) {
			out[i], err = w.CoreV1().Pods(p.Namespace).Get(t.Context(), p.Name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			return slices.ContainsFunc(out[i].Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			}), fmt.Errorf("status %+v", out[i].Status)
		})
	}
	return out
}

// connect runs agnhost's client in a pod and returns what it printed.
func (w world) connect(t *testing.T, from *corev1.Pod, to string, port uint16) (string, error) {
	t.Helper()
	target := netip.AddrPortFrom(netip.MustParseAddr(to), port).String()
	var out bytes.Buffer
	err := w.Exec(t.Context(), from.Namespace, from.Name, "agnhost",
		[]string{"/agnhost", "connect", target, "--timeout=2s", "--protocol=tcp"}, clusters.Streams{Out: &out, Err: &out})
	return strings.TrimSpace(out.String()), err
}

func TestLab(t *testing.T) {
	w := start(t, lab.Config{})
	t.Logf("ready after %v", w.ReadyAfter())
	if limit := 30 * time.Second; w.ReadyAfter() > limit {
		t.Errorf("ready after %v, want far less than %v", w.ReadyAfter(), limit)
	}
	t.Run("nodes", func(t *testing.T) { testNodes(t, w) })
	w.namespace(t, "x")
	var want []*corev1.Pod
	for i, node := range w.Nodes() {
		want = append(want, server("x", fmt.Sprintf("a%d", i), node), server("x", fmt.Sprintf("b%d", i), node))
	}
	begin := time.Now()
	pods := w.create(t, want...)
	t.Logf("%d pods ready after %v", len(pods), time.Since(begin))
	t.Run("pods reach pods", func(t *testing.T) { testPods(t, w, pods) })
	t.Run("services", func(t *testing.T) { testServices(t, w, pods) })
	t.Run("foreign addresses", func(t *testing.T) { testForeign(t, w, pods[0]) })
	t.Run("exec", func(t *testing.T) { testExec(t, w, pods[0]) })
	t.Run("pod without a node", func(t *testing.T) { w.create(t, server("x", "nowhere", "")) })
	t.Run("engine node", func(t *testing.T) { testEngineNode(t, w) })
	t.Run("namespace goes", func(t *testing.T) { testNamespaceGoes(t, w) })
	t.Run("nothing died", func(t *testing.T) {
		select {
		case err := <-w.Died():
			t.Error(err)
		default:
		}
	})
	if err := w.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	t.Run("no process is left", noOthers)
}

func testNodes(t *testing.T, w world) {
	t.Helper()
	list, err := w.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range list.Items {
		names = append(names, n.Name)
		if len(n.Spec.PodCIDRs) != 2 {
			t.Errorf("%s has pod CIDRs %v, want two", n.Name, n.Spec.PodCIDRs)
		}
	}
	if !slices.Equal(names, w.Nodes()) {
		t.Errorf("got nodes %v, want %v", names, w.Nodes())
	}
}

func testPods(t *testing.T, w world, pods []*corev1.Pod) {
	t.Helper()
	for _, client := range pods[:2] {
		for _, srv := range pods {
			if len(srv.Status.PodIPs) != 2 {
				t.Fatalf("%s has addresses %v, want two", srv.Name, srv.Status.PodIPs)
			}
			for _, ip := range srv.Status.PodIPs {
				if out, err := w.connect(t, client, ip.IP, 8080); err != nil || out != "" {
					t.Errorf("%s → %s %s: %v: %s", client.Name, srv.Name, ip.IP, err, out)
				}
			}
		}
	}
}

func testServices(t *testing.T, w world, pods []*corev1.Pod) {
	t.Helper()
	dual := corev1.IPFamilyPolicyRequireDualStack
	svc, err := w.CoreV1().Services("x").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "a2"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"pod": "a2"}, IPFamilyPolicy: &dual, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(svc.Spec.ClusterIPs) != 2 {
		t.Fatalf("service has addresses %v, want two", svc.Spec.ClusterIPs)
	}
	begin := time.Now()
	for _, client := range pods {
		for _, ip := range svc.Spec.ClusterIPs {
			eventually(t, client.Name+" → service "+ip, func() (bool, error) {
				out, err := w.connect(t, client, ip, 80)
				return err == nil && out == "", fmt.Errorf("%w: %s", err, out)
			})
		}
	}
	t.Logf("the service worked everywhere after %v", time.Since(begin))
}

func testForeign(t *testing.T, w world, pod *corev1.Pod) {
	t.Helper()
	for _, ip := range []string{"192.0.2.1", "3fff::1"} {
		out, err := w.connect(t, pod, ip, 80)
		var exit *clusters.ExitError
		if !errors.As(err, &exit) || out != "TIMEOUT" {
			t.Errorf("%s: got %v %q, want TIMEOUT", ip, err, out)
		}
	}
}

func testExec(t *testing.T, w world, pod *corev1.Pod) {
	t.Helper()
	var out bytes.Buffer
	err := w.Exec(t.Context(), "x", pod.Name, "agnhost", []string{"sh", "-c", "cat; exit 3"},
		clusters.Streams{In: strings.NewReader("hello"), Out: &out})
	var exit *clusters.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || out.String() != "hello" {
		t.Errorf("got %v, %q, want exit 3 and hello", err, out.String())
	}
	err = w.Exec(t.Context(), "x", "nobody", "", []string{"true"}, clusters.Streams{})
	if err == nil || errors.As(err, &exit) {
		t.Errorf("exec in no pod: got %v, want an error that is no exit", err)
	}
}

func testEngineNode(t *testing.T, w world) {
	t.Helper()
	n := w.EngineNodes()[1]
	if err := n.Run(t.Context(), "create netassay-test hash:net\n", "ipset", "restore"); err != nil {
		t.Error(err)
	}
	if err := w.EngineNodes()[0].Run(t.Context(), "", "ipset", "list", "netassay-test"); err == nil {
		t.Error("a set of node2 is seen on node1")
	}
	if err := n.Run(t.Context(), "", "ipset", "destroy", "netassay-test"); err != nil {
		t.Error(err)
	}
	p, err := n.Start("sleeper", []string{"sleep", "1000"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(os.Kill); err != nil {
		t.Error(err)
	}
	<-p.Done()
}

func testNamespaceGoes(t *testing.T, w world) {
	t.Helper()
	begin := time.Now()
	if err := w.CoreV1().Namespaces().Delete(t.Context(), "x", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "namespace gone", func() (bool, error) {
		_, err := w.CoreV1().Namespaces().Get(t.Context(), "x", metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
	t.Logf("gone after %v", time.Since(begin))
}

// TestFamiliesAndProxyModes shows that pods and services work in every kind of lab.
func TestFamiliesAndProxyModes(t *testing.T) {
	for _, cfg := range []lab.Config{
		{Families: "ipv4", ProxyMode: "iptables"},
		{Families: "ipv6"},
		{Families: "dual", ProxyMode: "iptables"},
	} {
		t.Run(cfg.Families+" "+cfg.ProxyMode, func(t *testing.T) {
			cfg.Nodes = 2
			w := start(t, cfg)
			w.namespace(t, "x")
			pods := w.create(t, server("x", "a", "node1"), server("x", "b", "node2"))
			families := len(w.Families())
			if got := len(pods[0].Status.PodIPs); got != families {
				t.Errorf("pod has %d addresses, want %d", got, families)
			}
			if _, err := w.connect(t, pods[0], pods[1].Status.PodIP, 8080); err != nil {
				t.Error(err)
			}
			policy := corev1.IPFamilyPolicyPreferDualStack
			svc, err := w.CoreV1().Services("x").Create(t.Context(), &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: "b"},
				Spec: corev1.ServiceSpec{
					Selector: map[string]string{"pod": "b"}, IPFamilyPolicy: &policy,
					Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(svc.Spec.ClusterIPs) != families {
				t.Errorf("service has addresses %v, want %d", svc.Spec.ClusterIPs, families)
			}
			for _, ip := range svc.Spec.ClusterIPs {
				eventually(t, "service "+ip, func() (bool, error) {
					out, err := w.connect(t, pods[0], ip, 80)
					return err == nil, fmt.Errorf("%w: %s", err, out)
				})
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
