package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
)

const deadline = time.Minute

// bench is an agent between a fake API server and a fake kernel.
type bench struct {
	t       *testing.T
	api     *fakeapi.Server
	address string
	status  string
	log     *buffer
	stop    func()

	host        *node
	denyUnknown bool
	pprof       bool

	mu     sync.Mutex
	kernel *fake.Kernel
	broken error
}

// Run implements kernel.Runner, one command at a time.
func (b *bench) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil && strings.HasSuffix(c.Argv[0], "-restore") {
		return nil, &kernel.RunError{Argv: c.Argv, Stderr: b.broken.Error(), Err: errors.New("exit status 4")}
	}
	return b.kernel.Run(ctx, c)
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, api: fakeapi.New(t), kernel: fake.New(), log: &buffer{}, host: &node{}, status: filepath.Join(t.TempDir(), "status")}
	// An address of its own below the ephemeral ports, so that nobody else can have it.
	b.address = fmt.Sprintf("127.%d.%d.%d:10260", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	return b
}

// start runs an agent. stop ends it and returns when it has ended.
func (b *bench) start() {
	b.t.Helper()
	clients, err := watch.NewClients(b.api.REST())
	if err != nil {
		b.t.Fatal(err)
	}
	a := agent.New(agent.Config{
		Clients: clients, Node: "n", Existing: plan.Keep, Runner: b,
		MinInterval: time.Millisecond, VerifyInterval: 20 * time.Millisecond,
		Host: b.host, DenyUnknown: b.denyUnknown, Pprof: b.pprof,
		MetricsAddress: b.address, StatusFile: b.status,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("agent: %v", err)
		}
	})
	b.t.Cleanup(b.stop)
}

// until polls until the condition holds.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); !ok(); <-tick.C {
		if time.Now().After(end) {
			b.t.Fatalf("not in time: %s\nlog:\n%s", what, b.log)
		}
	}
}

func (b *bench) get(path string) (code int, body string) {
	resp, err := http.Get("http://" + b.address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func (b *bench) ready() bool { code, _ := b.get("/readyz"); return code == http.StatusOK }

func (b *bench) chains() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kernel.Machine.Chains(iptsim.IPv4)
}

// isolating tells whether pods of some namespace are isolated for ingress.
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
	fill(b.api)
	b.start()
	b.until("ready", b.ready)
	b.api.Set(policy(1, "10.0.0.0/8"))
	b.until("policy in the kernel", b.isolating)
	b.api.Delete(policy(1))
	b.until("policy gone from the kernel", func() bool { return !b.isolating() })
	_, metrics := b.get("/metrics")
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
	fill(b.api)
	b.api.Set(policy(1))
	release := b.api.Hold("pods")
	defer release()
	b.start()
	b.until("all but pods in sync", func() bool {
		_, body := b.get("/readyz")
		return strings.HasSuffix(strings.TrimSpace(body), "not listed yet: pod")
	})
	if got := b.chains(); len(got) > 0 {
		t.Fatalf("chains before sync: %v", got)
	}
	release()
	b.until("policy in the kernel", b.isolating)
}

// TestEndLeavesTheRules: neither an end nor a start without an API server opens anything.
func TestEndLeavesTheRules(t *testing.T) {
	b := newBench(t)
	fill(b.api)
	b.api.Set(policy(1))
	b.start()
	b.until("policy in the kernel", b.isolating)
	before := b.chains()
	b.stop()
	if !slices.Equal(b.chains(), before) {
		t.Fatalf("chains after the end: %v, want %v", b.chains(), before)
	}
	b.api.Down(true)
	b.start()
	b.until("a log line about the API server", func() bool { return strings.Contains(b.log.String(), "can't watch") })
	if !slices.Equal(b.chains(), before) {
		t.Fatalf("chains while the API server is away: %v, want %v", b.chains(), before)
	}
	if code, _ := b.get("/healthz"); code != http.StatusOK {
		t.Errorf("healthz is %d while waiting", code)
	}
	b.api.Delete(policy(1))
	b.api.Down(false)
	b.until("stale policy gone", func() bool { return !b.isolating() })
}

func TestFailureKeepsTheLastGoodState(t *testing.T) {
	b := newBench(t)
	fill(b.api)
	b.api.Set(policy(1))
	b.start()
	b.until("policy in the kernel", b.isolating)
	b.until("ready", b.ready)
	b.mu.Lock()
	b.broken = errors.New("Another app is currently holding the xtables lock")
	b.mu.Unlock()
	b.api.Delete(policy(1))
	b.until("not ready, with the tool's words", func() bool {
		code, body := b.get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "xtables lock")
	})
	if !b.isolating() {
		t.Error("the policy is gone although nothing could be changed")
	}
	b.mu.Lock()
	b.broken = nil
	b.mu.Unlock()
	b.until("healed", func() bool { return !b.isolating() && b.ready() })
}

func TestProblemIsToldOnce(t *testing.T) {
	b := newBench(t)
	fill(b.api)
	b.start()
	b.until("ready", b.ready)
	b.api.Set(policy(1, "10.0.0.0/8", "nonsense"))
	b.until("an event", func() bool { return len(b.api.Events()) == 1 })
	e := b.api.Events()[0]
	if e.InvolvedObject.Kind != "NetworkPolicy" || e.InvolvedObject.UID != "p" || e.Namespace != "x" || !strings.Contains(e.Message, "nonsense") {
		t.Errorf("event: %+v", e)
	}
	if !b.isolating() {
		t.Error("the pod is not isolated by a policy with an untranslatable rule")
	}
	b.api.Set(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "b", UID: "2"}, Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}}}})
	b.api.Set(policy(2, "10.0.0.0/8"))
	b.until("a log line that it is gone", func() bool { return strings.Contains(b.log.String(), "is gone") })
	if n := len(b.api.Events()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if n := strings.Count(b.log.String(), "can't be enforced"); n != 1 {
		t.Errorf("%d log lines about the problem, want 1", n)
	}
}

func TestDriftIsRepaired(t *testing.T) {
	b := newBench(t)
	fill(b.api)
	b.api.Set(policy(1))
	b.start()
	b.until("policy in the kernel", b.isolating)
	b.mu.Lock()
	if err := b.kernel.Machine.RestoreRules(iptsim.IPv4, strings.NewReader("*mangle\n-D FORWARD -j NPE-FWD\nCOMMIT\n")); err != nil {
		t.Fatal(err)
	}
	b.mu.Unlock()
	b.until("jump is back", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		rules, _ := b.kernel.Machine.Rules(iptsim.IPv4, "FORWARD")
		return slices.Equal(rules, []string{"-j NPE-FWD"})
	})
	b.until("the repair is counted", func() bool {
		_, metrics := b.get("/metrics")
		return strings.Contains(metrics, `npenf_repairs_total{object="jump"} 1`)
	})
}

// TestChurnDoesNotFillTheLog is scenario 35 in small.
func TestChurnDoesNotFillTheLog(t *testing.T) {
	b := newBench(t)
	fill(b.api)
	b.start()
	b.until("ready", b.ready)
	lines := strings.Count(b.log.String(), "\n")
	for i := range 500 {
		b.api.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{"i": fmt.Sprint(i)}}})
	}
	b.api.Set(policy(1))
	b.until("policy in the kernel", b.isolating)
	if now := strings.Count(b.log.String(), "\n"); now > lines {
		t.Errorf("500 events made %d lines of log:\n%s", now-lines, b.log)
	}
}

func TestBusyAddressIsAnError(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	clients, err := watch.NewClients(b.api.REST())
	if err != nil {
		t.Fatal(err)
	}
	err = agent.New(agent.Config{Clients: clients, Node: "n", Runner: b, MetricsAddress: b.address, Log: slog.New(slog.DiscardHandler)}).Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want that the address is in use", err)
	}
}
