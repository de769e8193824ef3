package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/agent"
	agentbench "github.com/netassay/netassay/enforcer/agent/bench"
	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
)

// bench is an agent between a fake API server and a fake kernel.
type bench struct {
	*agentbench.Bench
	status      string
	host        *node
	denyUnknown bool
	pprof       bool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{Bench: agentbench.New(t, 10260), host: &node{}, status: filepath.Join(t.TempDir(), "status")}
}

// start runs an agent. Stop ends it and returns when it has ended.
func (b *bench) start() {
	b.T.Helper()
	b.Start(agent.Config{Node: "n", Host: b.host, DenyUnknown: b.denyUnknown, Pprof: b.pprof, StatusFile: b.status})
}

func (b *bench) chains() (names []string) {
	b.Lock()
	defer b.Unlock()
	return b.Kernel.Machine.Chains(iptsim.IPv4)
}

// isolating reports whether pods of some namespace are isolated for ingress.
func (b *bench) isolating() bool {
	return slices.ContainsFunc(b.chains(), func(c string) bool { return strings.HasPrefix(c, "NPE-IN-") })
}

func fill(api *fakeapi.Server) {
	api.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}})
	api.Set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	api.Set(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "a", UID: "1"}, Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}}},
	})
}

func policy(generation int64, cidrs ...string) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p", UID: "p", Generation: generation}}
	for _, c := range cidrs {
		p.Spec.Ingress = append(p.Spec.Ingress, netv1.NetworkPolicyIngressRule{From: []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: c}}}})
	}
	return p
}

func TestPolicyReachesTheKernel(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	b.API.Set(policy(1, "10.0.0.0/8"))
	b.Until("policy in the kernel", b.isolating)
	b.API.Delete(policy(1))
	b.Until("policy gone from the kernel", func() bool { return !b.isolating() })
	_, metrics := b.Get("/metrics")
	for _, want := range []string{`npenf_programming_latency_seconds_count{kind="policy"}`, "\nnpenf_synced 1\n", `npenf_cache_objects{kind="pod"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	var s agent.Status
	text, err := os.ReadFile(b.status)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || !s.Ready || s.PID != os.Getpid() || s.Syncs < 2 {
		t.Errorf("status file: %s (%v)", text, err)
	}
}

// TestKernelUntouchedBeforeSync: an agent that can't list everything changes nothing and
// is not ready, and says what is missing.
func TestKernelUntouchedBeforeSync(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1))
	release := b.API.Hold("pods")
	defer release()
	b.start()
	b.Until("all but pods in sync", func() bool {
		_, body := b.Get("/readyz")
		return strings.HasSuffix(strings.TrimSpace(body), "not listed yet: pod")
	})
	if got := b.chains(); len(got) > 0 {
		t.Fatalf("chains before sync: %v", got)
	}
	release()
	b.Until("policy in the kernel", b.isolating)
}

// TestEndLeavesTheRules: neither an end nor a start without an API server opens anything.
func TestEndLeavesTheRules(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.Until("policy in the kernel", b.isolating)
	before := b.chains()
	b.Stop()
	if !slices.Equal(b.chains(), before) {
		t.Fatalf("chains after the end: %v, want %v", b.chains(), before)
	}
	b.API.Down(true)
	b.start()
	b.Until("a log line about the API server", func() bool { return strings.Contains(b.Log.String(), "watch failing") })
	if !slices.Equal(b.chains(), before) {
		t.Fatalf("chains while the API server is away: %v, want %v", b.chains(), before)
	}
	if code, _ := b.Get("/healthz"); code != http.StatusOK {
		t.Errorf("healthz is %d while waiting", code)
	}
	b.API.Delete(policy(1))
	b.API.Down(false)
	b.Until("stale policy gone", func() bool { return !b.isolating() })
}

func TestFailureKeepsTheLastGoodState(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.Until("policy in the kernel", b.isolating)
	b.Until("ready", b.Ready)
	b.Break(errors.New("Another app is currently holding the xtables lock"))
	b.API.Delete(policy(1))
	b.Until("not ready, with the tool's words", func() bool {
		code, body := b.Get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "xtables lock")
	})
	if !b.isolating() {
		t.Error("the policy is gone although nothing could be changed")
	}
	b.Break(nil)
	b.Until("healed", func() bool { return !b.isolating() && b.Ready() })
}

func TestProblemIsToldOnce(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	b.API.Set(policy(1, "10.0.0.0/8", "nonsense"))
	b.Until("an event", func() bool { return len(b.API.Events()) == 1 })
	e := b.API.Events()[0]
	if e.InvolvedObject.Kind != "NetworkPolicy" || e.InvolvedObject.UID != "p" || e.Namespace != "x" || !strings.Contains(e.Message, "nonsense") {
		t.Errorf("event: %+v", e)
	}
	b.Until("the pod is isolated all the same", b.isolating) // events don't wait for the kernel
	b.API.Set(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "b", UID: "2"}, Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}}}})
	b.API.Set(policy(2, "10.0.0.0/8"))
	b.Until("a log line that it was removed", func() bool { return strings.Contains(b.Log.String(), "was removed") })
	if n := len(b.API.Events()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if n := strings.Count(b.Log.String(), "can't be enforced"); n != 1 {
		t.Errorf("%d log lines about the problem, want 1", n)
	}
}

func TestDriftIsRepaired(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.UntilInSync()
	b.Lock()
	if err := b.Kernel.Machine.RestoreRules(iptsim.IPv4, strings.NewReader("*mangle\n-D FORWARD -j NPE-FWD\nCOMMIT\n")); err != nil {
		t.Fatal(err)
	}
	b.Unlock()
	b.Until("jump is back", func() bool {
		b.Lock()
		defer b.Unlock()
		rules, _ := b.Kernel.Machine.Rules(iptsim.IPv4, "FORWARD")
		return slices.Equal(rules, []string{"-j NPE-FWD"})
	})
	b.Until("the repair is counted", func() bool {
		_, metrics := b.Get("/metrics")
		return strings.Contains(metrics, `npenf_repairs_total{object="jump"} 1`)
	})
}

// TestChurnDoesNotFillTheLog is scenario 35 in small.
func TestChurnDoesNotFillTheLog(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.UntilInSync()
	lines := strings.Count(b.Log.String(), "\n")
	for i := range 500 {
		b.API.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{"i": fmt.Sprint(i)}}})
	}
	b.API.Set(policy(1))
	b.Until("policy in the kernel", b.isolating)
	if now := strings.Count(b.Log.String(), "\n"); now > lines {
		t.Errorf("500 events made %d lines of log:\n%s", now-lines, b.Log)
	}
}

// TestBusyAddress: somebody who listens on the agent's address first does not keep it from
// enforcing, and is told of; when he is gone, the agent takes it.
func TestBusyAddress(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", b.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.Until("policy in the kernel", b.isolating)
	if log := b.Log.String(); !strings.Contains(log, "another program listens on "+b.Address) {
		t.Errorf("no line about the address:\n%s", log)
	}
	b.Until("an event of the node", func() bool {
		return slices.ContainsFunc(b.API.Events(), func(e *corev1.Event) bool { return e.Reason == "EnforcerDegraded" })
	})
	l.Close()
	b.Until("ready", b.Ready)
}

// TestWrongAddress: one that is none is the user's mistake.
func TestWrongAddress(t *testing.T) {
	b := newBench(t)
	clients, err := watch.NewClients(b.API.REST())
	if err != nil {
		t.Fatal(err)
	}
	err = agent.New(agent.Config{Clients: clients, Node: "n", Host: b.host, Runner: b, MetricsAddress: "192.0.2.1:1", Log: slog.New(slog.DiscardHandler)}).Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1:1") {
		t.Errorf("got %v, want that the address is wrong", err)
	}
}

// TestWithoutIPv6: a node without IPv6 has IPv4 enforced, and says what is missing, until it is
// there.
func TestWithoutIPv6(t *testing.T) {
	b := newBench(t)
	missing := true
	b.Kernel.Fault = func(argv []string) error {
		if missing && strings.HasPrefix(argv[0], "ip6tables") {
			return errors.New("can't initialize ip6tables table `mangle': Address family not supported by protocol")
		}
		return nil
	}
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.Until("policy in the kernel", b.isolating)
	b.Until("told", func() bool { _, text := b.Get("/readyz"); return strings.Contains(text, "IPv6 is not enforced") })
	b.Lock()
	missing = false
	b.Unlock()
	b.Until("ready", b.Ready)
	b.Lock()
	defer b.Unlock()
	if !slices.Contains(b.Kernel.Machine.Chains(iptsim.IPv6), string(plan.ChainForward)) {
		t.Error("ready, but nothing of ours is in IPv6")
	}
}

// TestMemoryIsGivenBack: after most of a cluster is gone, the agent begins anew with what
// is left, and goes on enforcing.
func TestMemoryIsGivenBack(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	others := make([]*corev1.Pod, 400)
	for i := range others {
		others[i] = &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprintf("other-%d", i), UID: types.UID(fmt.Sprint(i))},
			Spec:       corev1.PodSpec{NodeName: "m"},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: fmt.Sprintf("10.1.%d.%d", i/250, i%250)}}},
		}
		b.API.Set(others[i])
	}
	b.start()
	b.Until("ready", b.Ready)
	for _, p := range others {
		b.API.Delete(p)
	}
	b.Until("memory is given back", func() bool { return strings.Contains(b.Log.String(), "returned memory") })
	b.API.Set(policy(1, "10.2.0.0/16"))
	b.Until("isolated", b.isolating)
	b.API.Delete(policy(1))
	b.Until("open", func() bool { return !b.isolating() })
}

// TestRunEndsForANewProcess: when next to nothing is left of a large cluster, an agent that
// may ends, with its rules in force, and the next one takes them over.
func TestRunEndsForANewProcess(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1, "10.2.0.0/16"))
	large := policy(1)
	large.Name, large.UID = "large", "large"
	peers := make([]netv1.NetworkPolicyPeer, 25_000)
	for i := range peers {
		peers[i].IPBlock = &netv1.IPBlock{CIDR: fmt.Sprintf("10.16.%d.%d/32", i>>7, 2*i&255)} // none next to another
	}
	large.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers}}
	b.API.Set(large)
	clients, err := watch.NewClients(b.API.REST())
	if err != nil {
		t.Fatal(err)
	}
	a := agent.New(agent.Config{
		Clients: clients, Node: "n", Host: b.host, Runner: b, MetricsAddress: b.Address, Renew: true,
		Log: slog.New(slog.NewTextHandler(b.Log, nil)),
	})
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	b.Until("ready", b.Ready)
	b.API.Delete(large)
	if err := <-ended; !errors.Is(err, agent.ErrRenew) {
		t.Fatalf("ended with %v, want %v", err, agent.ErrRenew)
	}
	if !b.isolating() {
		t.Error("its rules are gone")
	}
	b.start()
	b.Until("the next is ready", b.Ready)
	if !b.isolating() {
		t.Error("the next does not enforce")
	}
}

// gate is a runner whose next reading of the table waits until it is let go.
type gate struct {
	*bench
	next    chan struct{} // a token for each reading that is to wait
	reached chan struct{}
	release chan struct{}
}

func (g *gate) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	if strings.HasSuffix(c.Argv[0], "-save") {
		select {
		case <-g.next:
			g.reached <- struct{}{}
			<-g.release
		default:
		}
	}
	return g.bench.Run(ctx, c)
}

// TestNothingWaitsForAReading: changes that come while the kernel is read back are in force
// before that ends, however many there are, and none of them is taken for drift.
func TestNothingWaitsForAReading(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	g := &gate{bench: b, next: make(chan struct{}, 1), reached: make(chan struct{}), release: make(chan struct{})}
	b.API.Set(policy(1, "10.9.0.0/16"))
	b.Start(agent.Config{Node: "n", Host: b.host, Runner: g})
	b.UntilInSync()
	g.next <- struct{}{}
	<-g.reached
	for i := range int64(6) { // edits of one chain: no sync reads the table
		cidr := fmt.Sprintf("10.%d.0.0/16", 10+i)
		b.API.Set(policy(10+i, cidr))
		b.Until("edited", func() bool {
			return b.walk("FORWARD", strings.Replace(cidr, "0.0/16", "0.1", 1), "10.0.0.1") == iptsim.Accept
		})
	}
	close(g.release)
	b.API.Delete(policy(20))
	b.Until("open", func() bool { return !b.isolating() })
	if _, m := b.Get("/metrics"); !strings.Contains(m, `npenf_repairs_total{object="chain"} 0`) || !strings.Contains(m, `npenf_repairs_total{object="set"} 0`) {
		t.Errorf("own changes were taken for drift:\n%s", b.Log)
	}
}
