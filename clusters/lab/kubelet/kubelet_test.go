package kubelet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/model"
)

// TestManyPods fills a node, empties it, and fills it again: every address is free again
// when the pods are gone. It has a cluster of its own, since it says how long it took.
func TestManyPods(t *testing.T) {
	c := startCluster(t)
	ns := c.namespace(t)
	const pods = 100
	for round := range 2 {
		began := time.Now()
		for i := range pods {
			c.create(t, ns, shell(fmt.Sprintf("p%d", i), "exec sleep 1000"))
		}
		created := time.Since(began)
		for i := range pods {
			c.await(t, ns, fmt.Sprintf("p%d", i), ready)
		}
		t.Logf("round %d: %d pods on a node, created in %v, all ready after %v", round, pods, created, time.Since(began))
		began = time.Now()
		check(t, c.client.CoreV1().Pods(ns).DeleteCollection(t.Context(),
			metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}, metav1.ListOptions{}))
		for i := range pods {
			c.await(t, ns, fmt.Sprintf("p%d", i), gone)
		}
		t.Logf("round %d: all gone after %v", round, time.Since(began))
		if n := processes(t, "sleep\x001000\x00"); n != 0 {
			t.Errorf("%d processes outlived their pods", n)
		}
	}
	c.testReuse(t, ns)
}

// testReuse: a completed pod keeps its address in its status and owns it no more.
func (c *cluster) testReuse(t *testing.T, ns string) {
	c.nodes["node1"].Pool().ReuseSoon(true)
	done := shell("done", "exit 0")
	done.Spec.RestartPolicy = corev1.RestartPolicyNever
	c.create(t, ns, done)
	was := c.await(t, ns, "done", inPhase(corev1.PodSucceeded))
	c.create(t, ns, shell("next", "exec sleep 1000"))
	is := c.await(t, ns, "next", ready)
	if diff := cmp.Diff(was.Status.PodIPs, is.Status.PodIPs); diff != "" || len(is.Status.PodIPs) == 0 {
		t.Errorf("addresses of the completed pod and of the next (-completed +next):\n%s", diff)
	}
	asks := shell("asks", "exec sleep 1000")
	asks.Annotations = map[string]string{kubelet.AddressAnnotation: is.Status.PodIP}
	c.create(t, ns, asks)
	if err := c.client.CoreV1().Pods(ns).Delete(t.Context(), "next", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
		t.Fatal(err)
	}
	asks = c.await(t, ns, "asks", ready)
	if diff := cmp.Diff(is.Status.PodIPs, asks.Status.PodIPs); diff != "" {
		t.Errorf("addresses of the pod that asked for them (-want +got):\n%s", diff)
	}
	one := shell("one", "exec sleep 1000")
	one.Annotations = map[string]string{kubelet.FamilyAnnotation: string(model.IPv6)}
	c.create(t, ns, one)
	if one = c.await(t, ns, "one", ready); len(one.Status.PodIPs) != 1 || !strings.Contains(one.Status.PodIP, ":") {
		t.Errorf("podIPs %v of a pod that asked for IPv6, want one", one.Status.PodIPs)
	}
	was = c.await(t, ns, "done", inPhase(corev1.PodSucceeded))
	if len(was.Status.PodIPs) != 2 {
		t.Errorf("podIPs %v of a completed pod, want them kept", was.Status.PodIPs)
	}
}

// TestCluster runs the agent against a real API server. Its parts share one cluster and
// have a namespace each.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	for _, tc := range []struct {
		name string
		test func(t *testing.T, ns string)
	}{
		{"twelve pods are ready soon", c.testSpeed},
		{"node object", c.testNode},
		{"status of a running pod", c.testStatus},
		{"hostname is the pod's name", c.testHostname},
		{"environment", c.testEnvironment},
		{"completed pod keeps its status and gives back its address", c.testCompleted},
		{"failed pod", c.testFailed},
		{"restarts", c.testRestart},
		{"changed image", c.testChangedImage},
		{"fields that the lab does not know", c.testUnsupported},
		{"probes", c.testProbes},
		{"host network", c.testHostNetwork},
		{"unknown image", c.testUnknownImage},
		{"graceful deletion", c.testGraceful},
		{"processes that left their session die with the pod", c.testStragglers},
		{"recreated at once under the same name", c.testRecreate},
		{"labels set by others stay", c.testLabels},
		{"exec in process", c.testExec},
		{"exec ends with its context", c.testExecEnds},
		{"kubectl logs", c.testKubectlLogs},
		{"kubectl exec", c.testKubectlExec},
		{"kubectl exec with a terminal", c.testKubectlTerminal},
		{"kubectl port-forward", c.testKubectlPortForward},
		{"HTTPS port", c.testHTTPS},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.test(t, c.namespace(t))
		})
	}
}

func (c *cluster) testSpeed(t *testing.T, ns string) {
	began := time.Now()
	for i := range 12 {
		c.create(t, ns, server(fmt.Sprintf("p%d", i), fmt.Sprintf("node%d", i%testNodes+1)))
	}
	created := time.Since(began)
	for i := range 12 {
		c.await(t, ns, fmt.Sprintf("p%d", i), ready)
	}
	t.Logf("12 pods created in %v, ready after %v", created, time.Since(began))
	began = time.Now()
	check(t, c.client.CoreV1().Pods(ns).DeleteCollection(t.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}, metav1.ListOptions{}))
	for i := range 12 {
		c.await(t, ns, fmt.Sprintf("p%d", i), gone)
	}
	t.Logf("12 pods gone after %v", time.Since(began))
}

func (c *cluster) testNode(t *testing.T, _ string) {
	node, err := c.client.CoreV1().Nodes().Get(t.Context(), "node2", metav1.GetOptions{})
	check(t, err)
	if len(node.Spec.Taints) > 0 {
		t.Errorf("taints %v, want none", node.Spec.Taints)
	}
	var cidrs []string
	for _, p := range c.nodes["node2"].PodCIDRs() {
		cidrs = append(cidrs, p.String())
	}
	if diff := cmp.Diff(cidrs, node.Spec.PodCIDRs); diff != "" {
		t.Errorf("podCIDRs (-want +got):\n%s", diff)
	}
	var want []corev1.NodeAddress
	for _, ip := range c.nodes["node2"].IPs() {
		want = append(want, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.String()})
	}
	want = append(want, corev1.NodeAddress{Type: corev1.NodeHostName, Address: "node2"})
	if diff := cmp.Diff(want, node.Status.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if node.Labels[corev1.LabelHostname] != "node2" {
		t.Errorf("labels %v, want %s=node2", node.Labels, corev1.LabelHostname)
	}
	if got := node.Status.DaemonEndpoints.KubeletEndpoint.Port; got != 10250 {
		t.Errorf("kubelet port %d, want 10250", got)
	}
	if i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	}); i < 0 {
		t.Errorf("conditions %v, want Ready", node.Status.Conditions)
	}
}

func (c *cluster) testStatus(t *testing.T, ns string) {
	c.create(t, ns, server("a", "node1"))
	pod := c.await(t, ns, "a", ready)
	s := pod.Status
	if s.Phase != corev1.PodRunning || s.StartTime == nil || s.QOSClass != corev1.PodQOSBestEffort {
		t.Errorf("phase %s, startTime %v, qosClass %s", s.Phase, s.StartTime, s.QOSClass)
	}
	if len(s.PodIPs) != 2 || s.PodIP != s.PodIPs[0].IP {
		t.Fatalf("podIP %s, podIPs %v, want one of each family", s.PodIP, s.PodIPs)
	}
	for i, ip := range s.PodIPs {
		if addr := netip.MustParseAddr(ip.IP); !c.nodes["node1"].PodCIDRs()[i].Contains(addr) {
			t.Errorf("podIP %s is not of %s", addr, c.nodes["node1"].PodCIDRs()[i])
		}
	}
	if len(s.HostIPs) != 2 || s.HostIP != c.nodes["node1"].IPs()[0].String() {
		t.Errorf("hostIP %s, hostIPs %v", s.HostIP, s.HostIPs)
	}
	if len(s.ContainerStatuses) != 1 {
		t.Fatalf("%d container statuses, want 1", len(s.ContainerStatuses))
	}
	cs := s.ContainerStatuses[0]
	if !cs.Ready || cs.Started == nil || !*cs.Started || cs.State.Running == nil || cs.ContainerID == "" {
		t.Errorf("container status %+v", cs)
	}
}

func (c *cluster) testHostname(t *testing.T, ns string) {
	pod := server("named-one", "node2")
	pod.Spec.Containers[0].Args = []string{"serve-hostname", "--tcp", "--http=false", "--port=80"}
	c.create(t, ns, pod)
	got := c.await(t, ns, "named-one", ready)
	client := server("client", "node3")
	c.create(t, ns, client)
	c.await(t, ns, "client", ready)
	target := netip.AddrPortFrom(netip.MustParseAddr(got.Status.PodIP), 80).String()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	check(t, poll(ctx, func() (bool, error) {
		out, err := c.exec(ctx, "node3", ns, "client", "", "/agnhost", "connect", target, "--timeout=1s")
		if err != nil {
			t.Logf("not connected yet: %s", out)
		}
		return err == nil, nil
	}))
	out, err := c.exec(ctx, "node2", ns, "named-one", "", "hostname")
	check(t, err)
	if out != "named-one\n" {
		t.Errorf("hostname %q, want named-one", out)
	}
}

// exec runs a command by the in-process path and returns its output, both streams.
func (c *cluster) exec(ctx context.Context, node, ns, pod, container string, cmd ...string) (string, error) {
	var out bytes.Buffer
	err := c.agents[node].Exec(ctx, ns, pod, container, cmd, clusters.Streams{Out: &out, Err: &out})
	return out.String(), err
}

func (c *cluster) testEnvironment(t *testing.T, ns string) {
	pod := shell("env", `echo "$NAME $IPS $(A)"; sleep 100`)
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "NAME", ValueFrom: field("metadata.name")},
		{Name: "IPS", ValueFrom: field("status.podIPs")},
		{Name: "A", Value: "is-$(NAME)"},
	}
	c.create(t, ns, pod)
	got := c.await(t, ns, "env", ready)
	want := fmt.Sprintf("env %s,%s is-env\n", got.Status.PodIPs[0].IP, got.Status.PodIPs[1].IP)
	c.awaitLog(t, ns, "env", &corev1.PodLogOptions{}, want)
}

// awaitLog polls the pod's log by the API until it is as wanted.
func (c *cluster) awaitLog(t *testing.T, ns, pod string, o *corev1.PodLogOptions, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []byte
	err := poll(ctx, func() (ok bool, err error) {
		got, err = c.client.CoreV1().Pods(ns).GetLogs(pod, o).DoRaw(ctx)
		return string(got) == want, err
	})
	if err != nil {
		t.Fatalf("log of %s: %v; got %q, want %q", pod, err, got, want)
	}
}

func (c *cluster) testCompleted(t *testing.T, ns string) {
	pod := shell("done", "echo one; echo two; exit 0")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	c.create(t, ns, pod)
	got := c.await(t, ns, "done", inPhase(corev1.PodSucceeded))
	if len(got.Status.PodIPs) != 2 {
		t.Errorf("podIPs %v, want them kept", got.Status.PodIPs)
	}
	if s := got.Status.ContainerStatuses[0].State.Terminated; s == nil || s.Reason != "Completed" || s.ExitCode != 0 {
		t.Errorf("state %+v, want terminated, Completed", got.Status.ContainerStatuses[0].State)
	}
	if condition(got, corev1.PodReady) != corev1.ConditionFalse {
		t.Error("a completed pod is ready")
	}
	c.awaitLog(t, ns, "done", &corev1.PodLogOptions{TailLines: ptr.To[int64](1)}, "two\n")
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "done", metav1.DeleteOptions{}))
	c.await(t, ns, "done", gone)
}

func (c *cluster) testFailed(t *testing.T, ns string) {
	pod := shell("bad", "exit 7")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	c.create(t, ns, pod)
	got := c.await(t, ns, "bad", inPhase(corev1.PodFailed))
	if s := got.Status.ContainerStatuses[0].State.Terminated; s == nil || s.ExitCode != 7 || s.Reason != "Error" {
		t.Errorf("state %+v, want exit code 7", got.Status.ContainerStatuses[0].State)
	}
}

func (c *cluster) testRestart(t *testing.T, ns string) {
	c.create(t, ns, shell("loop", "echo here; exit 3"))
	got := c.await(t, ns, "loop", func(pod *corev1.Pod) bool {
		return pod != nil && len(pod.Status.ContainerStatuses) == 1 &&
			pod.Status.ContainerStatuses[0].RestartCount >= 2 && pod.Status.ContainerStatuses[0].State.Waiting != nil
	})
	s := got.Status.ContainerStatuses[0]
	if s.State.Waiting.Reason != "CrashLoopBackOff" {
		t.Errorf("waiting %+v, want CrashLoopBackOff", s.State.Waiting)
	}
	if s.LastTerminationState.Terminated == nil || s.LastTerminationState.Terminated.ExitCode != 3 {
		t.Errorf("last state %+v, want exit code 3", s.LastTerminationState)
	}
	if got.Status.Phase != corev1.PodRunning {
		t.Errorf("phase %s, want Running", got.Status.Phase)
	}
	c.awaitLog(t, ns, "loop", &corev1.PodLogOptions{Previous: true}, "here\n")
}

func (c *cluster) testChangedImage(t *testing.T, ns string) {
	c.create(t, ns, shell("changing", "exec sleep 100"))
	c.await(t, ns, "changing", ready)
	patch := []byte(`{"spec":{"containers":[{"name":"main","image":"other/shell:2"}]}}`)
	_, err := c.client.CoreV1().Pods(ns).Patch(t.Context(), "changing", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
	c.await(t, ns, "changing", func(pod *corev1.Pod) bool {
		s := pod.Status.ContainerStatuses[0]
		return ready(pod) && s.RestartCount == 1 && s.Image == "other/shell:2"
	})
}

// testUnsupported: a pod that asks for what the lab does not know does not run, and its
// status names the field.
func (c *cluster) testUnsupported(t *testing.T, ns string) {
	for field, ask := range map[string]func(*corev1.PodSpec){
		"initContainers":        func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{script1("first", "exit 0")} },
		"activeDeadlineSeconds": func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](1) },
		"startupProbe": func(s *corev1.PodSpec) {
			s.Containers[0].StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
				Exec: &corev1.ExecAction{Command: []string{"true"}},
			}}
		},
		"lifecycle": func(s *corev1.PodSpec) {
			s.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
				Exec: &corev1.ExecAction{Command: []string{"true"}},
			}}
		},
		"stdin": func(s *corev1.PodSpec) { s.Containers[0].Stdin = true },
		"tty":   func(s *corev1.PodSpec) { s.Containers[0].TTY = true },
	} {
		pod := shell(strings.ToLower(field), "exec sleep 100")
		ask(&pod.Spec)
		c.create(t, ns, pod)
		got := c.await(t, ns, pod.Name, func(pod *corev1.Pod) bool {
			return pod != nil && len(pod.Status.ContainerStatuses) == 1 && waitsForConfig(pod)
		})
		if why := got.Status.ContainerStatuses[0].State.Waiting.Message; !strings.Contains(why, field) {
			t.Errorf("waits because %q, want the field %s named", why, field)
		}
	}
}

func waitsForConfig(pod *corev1.Pod) bool {
	w := pod.Status.ContainerStatuses[0].State.Waiting
	return w != nil && w.Reason == "CreateContainerConfigError"
}

func (c *cluster) testProbes(t *testing.T, ns string) {
	for name, handler := range map[string]corev1.ProbeHandler{
		"tcp":  {TCPSocket: &corev1.TCPSocketAction{Port: intstr("http")}},
		"http": {HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr("http")}},
		"exec": {Exec: &corev1.ExecAction{Command: []string{"/agnhost", "connect", "127.0.0.1:8080", "--timeout=1s"}}},
	} {
		pod := server(name, "node1")
		pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 60}
		pod.Spec.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 9}
		c.create(t, ns, pod)
	}
	for _, name := range []string{"tcp", "http", "exec"} {
		c.await(t, ns, name, ready)
	}
	pod := shell("unready", "sleep 100")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		Exec: &corev1.ExecAction{Command: []string{"false"}},
	}}
	c.create(t, ns, pod)
	got := c.await(t, ns, "unready", inPhase(corev1.PodRunning))
	if ready(got) || got.Status.ContainerStatuses[0].Ready {
		t.Error("ready with a failing readiness probe")
	}
	pod = shell("sick", "trap 'exit 0' TERM; while :; do sleep 0.05; done")
	pod.Spec.Containers[0].LivenessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{
		Exec: &corev1.ExecAction{Command: []string{"false"}},
	}}
	c.create(t, ns, pod)
	c.await(t, ns, "sick", func(pod *corev1.Pod) bool {
		return pod != nil && len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].RestartCount > 0
	})
}

func (c *cluster) testHostNetwork(t *testing.T, ns string) {
	pod := server("host", "node3")
	pod.Spec.HostNetwork = true
	pod.Spec.Containers[0].Args = []string{"netexec", "--http-port=9080", "--udp-port=9081"}
	pod.Spec.Containers[0].Ports = nil
	c.create(t, ns, pod)
	got := c.await(t, ns, "host", ready)
	var want []corev1.PodIP
	for _, ip := range c.nodes["node3"].IPs() {
		want = append(want, corev1.PodIP{IP: ip.String()})
	}
	if diff := cmp.Diff(want, got.Status.PodIPs); diff != "" {
		t.Errorf("podIPs (-want +got):\n%s", diff)
	}
}

func (c *cluster) testUnknownImage(t *testing.T, ns string) {
	pod := server("odd", "node1")
	pod.Spec.Containers[0].Image = "docker.io/library/nginx:1.25"
	c.create(t, ns, pod)
	got := c.await(t, ns, "odd", func(pod *corev1.Pod) bool {
		return pod != nil && len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].State.Waiting != nil
	})
	w := got.Status.ContainerStatuses[0].State.Waiting
	if w.Reason != "ErrImagePull" || !strings.Contains(w.Message, "known images: agnhost, shell") {
		t.Errorf("waiting %+v, want ErrImagePull and the known images", w)
	}
	if got.Status.Phase != corev1.PodPending {
		t.Errorf("phase %s, want Pending", got.Status.Phase)
	}
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "odd", metav1.DeleteOptions{}))
	c.await(t, ns, "odd", gone)
}

// testGraceful: the process gets SIGTERM and the time to finish; its address is released
// and the object removed as soon as it has, not when the grace period is over.
func (c *cluster) testGraceful(t *testing.T, ns string) {
	c.create(t, ns, server("agnhost", "node2"))
	c.await(t, ns, "agnhost", ready)
	began := time.Now()
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "agnhost", metav1.DeleteOptions{}))
	c.await(t, ns, "agnhost", gone)
	t.Logf("agnhost gone %v after a deletion with the default grace period", time.Since(began))
	pod := shell("slow", "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.05; done")
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](50)
	c.create(t, ns, pod)
	c.await(t, ns, "slow", ready)
	c.awaitLog(t, ns, "slow", &corev1.PodLogOptions{}, "hi\n")
	began = time.Now()
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "slow", metav1.DeleteOptions{}))
	c.await(t, ns, "slow", gone)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("gone after %v, want well before the grace period of 50s", took)
	}
	pod = shell("deaf", "trap '' TERM; echo hi; while :; do sleep 0.05; done")
	c.create(t, ns, pod)
	c.awaitReadyLog(t, ns, "deaf")
	began = time.Now()
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "deaf", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}))
	c.await(t, ns, "deaf", gone)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("gone after %v, want not before the grace period of 1s", took)
	}
}

func (c *cluster) awaitReadyLog(t *testing.T, ns, name string) {
	t.Helper()
	c.await(t, ns, name, ready)
	c.awaitLog(t, ns, name, &corev1.PodLogOptions{}, "hi\n")
}

func (c *cluster) testStragglers(t *testing.T, ns string) {
	pod := shell("parent", "setsid sh -c 'setsid sleep 4711 & echo hi; sleep 4711' & sleep 100")
	c.create(t, ns, pod)
	c.awaitReadyLog(t, ns, "parent")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return processes(t, "sleep\x004711\x00") == 2, nil }); err != nil {
		t.Fatalf("the stragglers do not run: the test shows nothing: %v", err)
	}
	check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "parent", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}))
	c.await(t, ns, "parent", gone)
	if n := processes(t, "sleep\x004711\x00"); n != 0 {
		t.Errorf("%d processes outlived the pod's object", n)
	}
}

// testRecreate: the new pod runs under the old one's name while the old one may be ending.
func (c *cluster) testRecreate(t *testing.T, ns string) {
	var last types.UID
	for i := range 5 {
		pod := c.create(t, ns, shell("same", "trap '' TERM; sleep 100"))
		got := c.await(t, ns, "same", func(p *corev1.Pod) bool { return ready(p) && p.UID == pod.UID })
		if got.UID == last {
			t.Fatal("not recreated")
		}
		last = got.UID
		out, err := c.exec(t.Context(), "node1", ns, "same", "", "echo", "alive")
		if err != nil || out != "alive\n" {
			t.Fatalf("exec in recreated pod %d: %q, %v", i, out, err)
		}
		check(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "same", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
	}
}

// testLabels: a status update must not take back a label that was set meanwhile.
func (c *cluster) testLabels(t *testing.T, ns string) {
	pod := shell("labelled", "sleep 100")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
		Exec: &corev1.ExecAction{Command: []string{"true"}},
	}}
	c.create(t, ns, pod)
	for i := range 20 {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"step":"%d"}}}`, i)
		_, err := c.client.CoreV1().Pods(ns).Patch(t.Context(), "labelled", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		check(t, err)
	}
	got := c.await(t, ns, "labelled", ready)
	if got.Labels["step"] != "19" {
		t.Errorf("label step=%s, want 19", got.Labels["step"])
	}
}

func (c *cluster) testExec(t *testing.T, ns string) {
	c.create(t, ns, shell("target", "sleep 100"))
	c.await(t, ns, "target", ready)
	var out, errs bytes.Buffer
	err := c.agents["node1"].Exec(t.Context(), ns, "target", "main", []string{"sh", "-c", "cat; echo no >&2; exit 5"},
		clusters.Streams{In: strings.NewReader("all of it"), Out: &out, Err: &errs})
	var exit *clusters.ExitError
	if !errors.As(err, &exit) || exit.Code != 5 {
		t.Errorf("error %v, want exit code 5", err)
	}
	if out.String() != "all of it" || errs.String() != "no\n" {
		t.Errorf("out %q, err %q", out.String(), errs.String())
	}
	_, err = c.exec(t.Context(), "node1", ns, "target", "", "/no/such/program")
	if err == nil || errors.As(err, &exit) && exit.Code == 0 {
		t.Errorf("error %v for a program that does not exist", err)
	}
	for _, bad := range []struct{ pod, container string }{{"nobody", ""}, {"target", "none"}} {
		if _, err := c.exec(t.Context(), "node1", ns, bad.pod, bad.container, "true"); err == nil {
			t.Errorf("exec in %v works", bad)
		}
	}
}

func (c *cluster) testExecEnds(t *testing.T, ns string) {
	c.create(t, ns, shell("target", "sleep 100"))
	c.await(t, ns, "target", ready)
	ctx, cancel := context.WithCancel(t.Context())
	started, in := io.Pipe()
	t.Cleanup(func() { in.Close() })
	result := make(chan error, 1)
	go func() {
		result <- c.agents["node1"].Exec(ctx, ns, "target", "", []string{"sh", "-c", "echo; sleep 4712"},
			clusters.Streams{In: neverEnding{ctx}, Out: in})
	}()
	if _, err := started.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if n := processes(t, "sleep\x004712\x00"); n != 0 {
		t.Errorf("%d processes outlived the exec", n)
	}
}

// neverEnding is a standard input that says nothing and does not end.
type neverEnding struct{ ctx context.Context }

func (n neverEnding) Read([]byte) (int, error) {
	<-n.ctx.Done()
	select {}
}
