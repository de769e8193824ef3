package kindtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
)

const port = 8080

// kubeletProbes is scenario 27: under default deny in both directions, liveness and
// readiness by HTTP, TCP, gRPC and exec hold, while other pods are kept out.
func (w *world) kubeletProbes(t *testing.T) {
	const ns = "probes"
	w.namespace(t, ns)
	w.deny(t, ns, map[string]string{"isolated": "yes"}, netv1.PolicyTypeIngress, netv1.PolicyTypeEgress)
	handlers := map[string]corev1.ProbeHandler{
		"http": {HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(port)}},
		"tcp":  {TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)}},
		"grpc": {GRPC: &corev1.GRPCAction{Port: 5000}},
		"exec": {Exec: &corev1.ExecAction{Command: []string{"/agnhost", "help"}}},
	}
	for name, handler := range handlers {
		args := []string{"netexec", fmt.Sprintf("--http-port=%d", port)}
		if name == "grpc" {
			args = []string{"grpc-health-checking", "--port=5000", fmt.Sprintf("--http-port=%d", port)}
		}
		p := w.agnhost(ns, name, w.worker(0), args...)
		p.Labels["isolated"] = "yes"
		check := &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, TimeoutSeconds: 10, FailureThreshold: 2}
		p.Spec.Containers[0].ReadinessProbe, p.Spec.Containers[0].LivenessProbe = check, check.DeepCopy()
		w.create(t, p)
	}
	w.create(t, w.agnhost(ns, "client", w.worker(1), "pause"))
	w.awaitPod(t, ns, "client", ready)
	for name := range handlers {
		pod := w.awaitPod(t, ns, name, ready)
		if name == "http" {
			w.awaitConnects(t, ns, "client", pod, false)
		}
	}
	// Several periods of every probe later nothing has become unready, or been restarted.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, every, true, func(context.Context) (bool, error) {
		for name := range handlers {
			got, err := w.client.CoreV1().Pods(ns).Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			if !ready(got) || got.Status.ContainerStatuses[0].RestartCount > 0 {
				return false, fmt.Errorf("pod %s: ready %v, %+v", name, ready(got), got.Status.ContainerStatuses)
			}
		}
		return false, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// newcomers is how many short-lived pods each part of firstPacket runs.
const newcomers = 8

// firstPacket is scenario 24: containers that connect the moment they start, under a policy
// that was there before. How many get through is recorded; with default-deny-unknown it
// must be none, and those who may connect still do.
func (w *world) firstPacket(t *testing.T) {
	const ns = "newcomers"
	w.namespace(t, ns)
	w.deny(t, ns, map[string]string{"isolated": "yes"}, netv1.PolicyTypeEgress)
	w.create(t, w.agnhost(ns, "server", w.worker(1), "netexec", fmt.Sprintf("--http-port=%d", port)))
	server := w.awaitPod(t, ns, "server", ready)
	w.updateAgent(t, `{"spec":{"template":{"spec":{"containers":[{"name":"enforcer","args":["--existing=keep","--default-deny-unknown=false"]}]}}}}`)
	leaked := w.newcomers(t, ns, "plain", server, map[string]string{"isolated": "yes"}, "1s")
	t.Logf("without default-deny-unknown, %d of %d containers got a first packet through", leaked, newcomers)
	w.updateAgent(t, `{"spec":{"template":{"spec":{"containers":[{"name":"enforcer","args":["--existing=keep","--default-deny-unknown=true"]}]}}}}`)
	if leaked := w.newcomers(t, ns, "guarded", server, map[string]string{"isolated": "yes"}, "1s"); leaked > 0 {
		t.Errorf("with default-deny-unknown, %d of %d containers got a first packet through", leaked, newcomers)
	}
	if got := w.newcomers(t, ns, "free", server, nil, "20s"); got != newcomers {
		t.Errorf("with default-deny-unknown, %d of %d containers that may connect did", got, newcomers)
	}
}

// newcomers runs pods that connect once, at once, and returns how many did. Those that did
// not must have waited in vain: a pod that failed for another reason was not blocked.
func (w *world) newcomers(t *testing.T, ns, prefix string, server *corev1.Pod, labels map[string]string, timeout string) (connected int) {
	t.Helper()
	ips := addresses(t, server)
	name := func(i int) string { return fmt.Sprintf("%s-%d", prefix, i) }
	for i := range newcomers {
		to := net.JoinHostPort(ips[i%len(ips)].String(), fmt.Sprint(port))
		p := w.agnhost(ns, name(i), w.worker(0), "connect", to, "--timeout="+timeout)
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		p.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
		for k, v := range labels {
			p.Labels[k] = v
		}
		w.create(t, p)
	}
	for i := range newcomers {
		switch got := w.awaitPod(t, ns, name(i), ended).Status; {
		case got.Phase == corev1.PodSucceeded:
			connected++
		case !slices.ContainsFunc(got.ContainerStatuses, waitedInVain):
			t.Errorf("pod %s failed, and not by a timeout: %s %s %+v", name(i), got.Reason, got.Message, got.ContainerStatuses)
		}
	}
	return connected
}

// waitedInVain reports whether a container of agnhost connect ended by its timeout, as it says.
func waitedInVain(c corev1.ContainerStatus) bool {
	return c.State.Terminated != nil && strings.TrimSpace(c.State.Terminated.Message) == "TIMEOUT"
}

// rollingUpdate: while every agent is replaced, no datagram passes that must not, and none
// that may is lost.
func (w *world) rollingUpdate(t *testing.T) {
	const ns = "update"
	w.namespace(t, ns)
	w.deny(t, ns, map[string]string{"pod": "server"}, netv1.PolicyTypeIngress)
	fleet := probe.NewFleet()
	defer fleet.Close()
	var server *corev1.Pod
	for name, node := range map[string]string{"server": w.worker(0), "friend": w.worker(1), "stranger": w.worker(1), "neighbour": w.worker(0)} {
		p := w.agnhost(ns, name, node)
		p.Spec.Containers[0] = podspec.Container(w.cluster.Image("probe"))
		if name == "friend" {
			p.Labels["allow"] = "yes"
		}
		w.create(t, p)
		got := w.awaitPod(t, ns, name, ready)
		if name == "server" {
			server = got
		}
		if err := fleet.Add(t.Context(), name, pods.Resident{Name: name, Namespace: ns, Pod: name, Listen: "8080/tcp,8080/udp"}.Dial(w.cluster)); err != nil {
			t.Fatal(err)
		}
	}
	streams := map[string]probe.StreamID{}
	for _, ip := range addresses(t, server) {
		to := netip.AddrPortFrom(ip, port)
		for _, from := range []string{"friend", "stranger", "neighbour"} {
			w.awaitVerdict(t, fleet, from, to, from == "friend")
			id, err := fleet.StartStream(t.Context(), from, probe.Stream{Addr: to, Interval: 5 * time.Millisecond, Blocked: from != "friend"})
			if err != nil {
				t.Fatal(err)
			}
			streams[from+" to "+to.String()] = id
		}
	}
	w.updateAgent(t, `{"spec":{"template":{"metadata":{"annotations":{"netassay.dev/test":"again"}}}}}`)
	for name, id := range streams {
		r, err := fleet.StopStream(t.Context(), id)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case len(r.Unasked) > 0:
			t.Errorf("%s: of what %v received nothing is known", name, r.Unasked)
		case r.Stream.Blocked && r.Received > 0:
			t.Errorf("%s: %d of %d datagrams leaked", name, r.Received, r.Sender.Sent)
		case !r.Stream.Blocked && r.Lost > r.Overflow:
			t.Errorf("%s: %d of %d datagrams lost, %d of them the receiver's own fault", name, r.Lost, r.Sender.Sent, r.Overflow)
		default:
			t.Logf("%s: %d datagrams, %d received", name, r.Sender.Sent, r.Received)
		}
	}
}

// awaitVerdict probes until a client connects, or is dropped.
func (w *world) awaitVerdict(t *testing.T, fleet *probe.Fleet, from string, to netip.AddrPort, allowed bool) {
	t.Helper()
	want := probe.Dropped
	if allowed {
		want = probe.Connected
	}
	w.await(t, fmt.Sprintf("%s to %s: %s", from, to, want), func(ctx context.Context) (bool, string) {
		obs, err := fleet.Probe(ctx, from, []probe.Target{{Addr: to, Protocol: "TCP", Timeout: time.Second}})
		if err != nil {
			return false, err.Error()
		}
		return obs[0].Result == want, fmt.Sprint(obs[0].Result, " ", obs[0].Err)
	})
}

// nodeRestart is scenario 30: a node restarts, its pods come back on an empty kernel. How
// long the server is open to everybody is recorded; in the end the policy must hold.
func (w *world) nodeRestart(t *testing.T) {
	const ns = "restart"
	w.namespace(t, ns)
	w.deny(t, ns, map[string]string{"pod": "server"}, netv1.PolicyTypeIngress)
	w.create(t, w.agnhost(ns, "server", w.worker(1), "netexec", fmt.Sprintf("--http-port=%d", port)))
	for _, name := range []string{"friend", "stranger"} {
		p := w.agnhost(ns, name, w.worker(0), "pause")
		if name == "friend" {
			p.Labels["allow"] = "yes"
		}
		w.create(t, p)
		w.awaitPod(t, ns, name, ready)
	}
	before := w.awaitPod(t, ns, "server", ready)
	w.awaitConnects(t, ns, "friend", before, true)
	w.awaitConnects(t, ns, "stranger", before, false)

	if err := w.cluster.RestartNode(t.Context(), w.worker(1)); err != nil {
		t.Fatal(err)
	}
	after := w.awaitPod(t, ns, "server", func(p *corev1.Pod) bool {
		return ready(p) && p.Status.ContainerStatuses[0].RestartCount > before.Status.ContainerStatuses[0].RestartCount
	})
	came, open := time.Now(), 0
	w.await(t, "the policy to hold again", func(ctx context.Context) (bool, string) {
		connected, err := w.connects(ctx, ns, "stranger", addresses(t, after)[0])
		if connected {
			open++
		}
		return err == nil && !connected, fmt.Sprintf("connects %v, %v", connected, err)
	})
	t.Logf("after the restart, a stranger connected %d times; denied %.1f s after the server was seen ready", open, time.Since(came).Seconds())
	w.awaitConnects(t, ns, "stranger", after, false)
	w.awaitConnects(t, ns, "friend", after, true)
}
