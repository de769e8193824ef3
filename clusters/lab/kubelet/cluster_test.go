package kubelet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilintstr "k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/controlplane"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/clusters/lab/pki"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// cluster is a real control plane with node agents, in a sandbox.
type cluster struct {
	rest   *rest.Config
	client kubernetes.Interface
	agents map[string]*kubelet.Kubelet
	nodes  map[string]*network.Node
	logs   string
}

// assets is the directory of the Kubernetes binaries.
func assets(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir != "" {
		return dir
	}
	const cure = "KUBEBUILDER_ASSETS is not set: run make test, or set it to a directory with etcd, kube-apiserver, kubectl and agnhost"
	if os.Getenv("CI") == "true" {
		t.Fatal(cure)
	}
	t.Skip(cure)
	return ""
}

const testNodes = 3

func startCluster(t *testing.T) *cluster {
	t.Helper()
	sandbox.Require(t)
	bin := assets(t)
	c := &cluster{agents: map[string]*kubelet.Kubelet{}, nodes: map[string]*network.Node{}, logs: t.TempDir()}
	addresses := network.Plan{Families: model.Dual}
	net, err := network.New(addresses, testNodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, net.Close()) })
	processes := process.NewGroup(c.logs)
	t.Cleanup(processes.Kill)
	plane, err := controlplane.Start(t.Context(), controlplane.Config{
		Programs: binaries.Set{
			binaries.Etcd: filepath.Join(bin, "etcd"), binaries.KubeAPIServer: filepath.Join(bin, "kube-apiserver"),
			binaries.KubeControllerManager: filepath.Join(bin, "kube-controller-manager"),
		},
		Addresses: addresses, Dir: t.TempDir(), Processes: processes,
	})
	check(t, err)
	c.rest = plane.REST()
	c.rest.ContentType = "application/vnd.kubernetes.protobuf"
	c.rest.AcceptContentTypes = c.rest.ContentType + ",application/json"
	c.client, err = kubernetes.NewForConfig(c.rest)
	check(t, err)
	var g errgroup.Group
	agents := make([]*kubelet.Kubelet, testNodes)
	began := time.Now()
	for i, n := range net.Nodes() {
		g.Go(func() (err error) {
			agents[i], err = kubelet.Start(t.Context(), c.config(t, n, plane.Authority(), bin))
			return err
		})
	}
	check(t, g.Wait())
	t.Logf("%d agents ready after %v", testNodes, time.Since(began))
	for i, n := range net.Nodes() {
		c.agents[n.Name()], c.nodes[n.Name()] = agents[i], n
		t.Cleanup(agents[i].Stop)
	}
	return c
}

func (c *cluster) config(t *testing.T, n *network.Node, ca *pki.Authority, bin string) kubelet.Config {
	t.Helper()
	pair, err := ca.Issue(pki.Subject{Name: "system:node:" + n.Name(), IPs: n.IPs()})
	check(t, err)
	cert, err := pair.TLS()
	check(t, err)
	return kubelet.Config{
		NodeName: n.Name(), NodeIPs: n.IPs(), PodCIDRs: n.PodCIDRs(),
		Client: c.client, LogDir: filepath.Join(c.logs, n.Name()),
		Images: map[string]string{"agnhost": filepath.Join(bin, "agnhost"), "shell": "/bin/sh"},
		Attach: func(r kubelet.Request) (kubelet.PodNetwork, error) {
			return n.Attach(network.Request{NetNS: r.Key, Link: network.LinkName(r.Namespace, r.Name), Address: r.Address, Family: r.Family})
		},
		ServerCert: cert, ClientCA: ca.Pool(), HostDo: n.Do,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
}

// testWriter writes to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// namespace makes a namespace of the test's own.
func (c *cluster) namespace(t *testing.T) string {
	t.Helper()
	ns, err := c.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}, metav1.CreateOptions{})
	check(t, err)
	return ns.Name
}

// shell is a pod of one container that runs a shell script.
func shell(name, script string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:   "node1",
			Containers: []corev1.Container{script1("main", script)},
		},
	}
}

func script1(name, script string) corev1.Container {
	return corev1.Container{Name: name, Image: "shell", Args: []string{"-c", script}}
}

// server is a pod of the suites' shape.
func server(name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName: node,
			Containers: []corev1.Container{{
				Name: "agnhost", Image: "registry.k8s.io/e2e-test-images/agnhost:2.61",
				Args:  []string{"netexec", "--http-port=8080", "--udp-port=8081"},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}},
		},
	}
}

func (c *cluster) create(t *testing.T, ns string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	got, err := c.client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{})
	check(t, err)
	return got
}

// await watches the pod until ok says so, or fails after a minute with the last status.
func (c *cluster) await(t *testing.T, ns, name string, ok func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last *corev1.Pod
	err := poll(ctx, func() (bool, error) {
		pod, err := c.client.CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return ok(nil), nil
		}
		if err != nil {
			return false, err
		}
		last = pod
		return ok(pod), nil
	})
	if err != nil {
		t.Fatalf("wait for pod %s/%s: %v; last seen:\n%+v", ns, name, err, last)
	}
	return last
}

// poll asks until ok, an error, or the end of ctx.
func poll(ctx context.Context, ok func() (bool, error)) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ready(pod *corev1.Pod) bool {
	return pod != nil && condition(pod, corev1.PodReady) == corev1.ConditionTrue
}

func gone(pod *corev1.Pod) bool { return pod == nil }

func inPhase(phase corev1.PodPhase) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return pod != nil && pod.Status.Phase == phase }
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

// kubectl runs kubectl as a user would and returns what it prints.
func (c *cluster) kubectl(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := c.kubectlCommand(t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = errors.Join(err, fmt.Errorf("kubectl %s: %s", strings.Join(args, " "), errs.String()))
	}
	return string(out), err
}

func (c *cluster) kubectlCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, data, 0o600))
		return path
	}
	args = append([]string{
		"--server=" + c.rest.Host, "--kubeconfig=/dev/null",
		"--certificate-authority=" + write("ca", c.rest.CAData),
		"--client-certificate=" + write("crt", c.rest.CertData), "--client-key=" + write("key", c.rest.KeyData),
	}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(assets(t), "kubectl"), args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "HOME="+dir)
	return cmd
}

// processes counts those with this command line.
func processes(t *testing.T, cmdline string) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(t, err)
	n := 0
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && string(text) == cmdline {
			n++
		}
	}
	return n
}

func intstr(name string) utilintstr.IntOrString { return utilintstr.FromString(name) }
