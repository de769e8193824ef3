package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
	"github.com/netassay/netassay/model"
)

const deadline = time.Minute

// bench is an agent of node n1 between a fake API server and a kernel, the simulated one
// unless a Runner is given.
type bench struct {
	t       *testing.T
	api     *fakeapi.Server
	address string
	log     *buffer
	stop    func()
	backend kernel.Backend
	real    kernel.Runner

	mu       sync.Mutex
	kernel   *fake.Kernel
	broken   error
	commands int
	overlap  bool
	busy     bool
}

// Run implements kernel.Runner: commands that write fail while the bench is broken.
func (b *bench) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	if b.real != nil {
		return b.real.Run(ctx, c)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overlap, b.busy = b.overlap || b.busy, true
	defer func() { b.busy = false }()
	b.commands++
	if b.broken != nil && strings.HasSuffix(c.Argv[0], "-restore") {
		return nil, &kernel.RunError{Argv: c.Argv, Stderr: b.broken.Error(), Err: errors.New("exit status 4")}
	}
	return b.kernel.Run(ctx, c)
}

func (b *bench) breakTools(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = err
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
	b := &bench{t: t, api: fakeapi.New(t), kernel: fake.New(), log: &buffer{}}
	// An address of its own below the ephemeral ports, so that nobody else can have it.
	b.address = fmt.Sprintf("127.%d.%d.%d:10261", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	return b
}

// load puts a snapshot into the API server.
func (b *bench) load(s model.Snapshot) {
	for i := range s.Namespaces {
		b.api.Set(apiNamespace(s.Namespaces[i]))
	}
	for i := range s.Nodes {
		b.api.Set(apiNode(s.Nodes[i]))
	}
	for i := range s.Pods {
		b.api.Set(apiPod(s.Pods[i]))
	}
	for _, p := range s.Policies {
		b.api.Set(p)
	}
}

// start runs an agent. stop ends it and returns when it has ended.
func (b *bench) start() {
	b.t.Helper()
	clients, err := watch.NewClients(b.api.REST())
	if err != nil {
		b.t.Fatal(err)
	}
	a := agent.New(agent.Config{
		Clients: clients, Node: "n1", Existing: plan.Keep, Runner: b, Backend: b.backend,
		MinInterval: time.Millisecond, VerifyInterval: 20 * time.Millisecond, MetricsAddress: b.address,
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
	tick := time.NewTicker(time.Millisecond)
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

// metric tells whether the agent shows this line.
func (b *bench) metric(line string) bool {
	_, body := b.get("/metrics")
	return strings.Contains(body, line+"\n")
}

// passes tells whether the simulated kernel forwards a new flow.
func (b *bench) passes(f model.Flow) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return passes(b.t, b.kernel.Machine, simnet.PacketOf(f))
}

// all tells whether every flow ("x/a > y/a:80/TCP allow") meets its verdict.
func (b *bench) all(s model.Snapshot, pins ...string) func() bool {
	return func() bool {
		for _, pin := range pins {
			at := strings.LastIndexByte(pin, ' ')
			if b.passes(flow(s, pin[:at])) != (pin[at+1:] == "allow") {
				return false
			}
		}
		return true
	}
}

// feed is another tool at work in the mangle table of IPv4.
func (b *bench) feed(lines ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.kernel.Machine.RestoreRules(iptsim.IPv4, strings.NewReader("*mangle\n"+strings.Join(lines, "\n")+"\nCOMMIT\n")); err != nil {
		b.t.Fatal(err)
	}
}

func apiNamespace(n model.Namespace) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}}
}

func apiNode(n model.Node) *corev1.Node {
	out := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}
	for _, ip := range n.IPs {
		out.Status.Addresses = append(out.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.String()})
	}
	return out
}

func apiPod(p model.Pod) *corev1.Pod {
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: types.UID(p.UID), Labels: p.Labels}}
	out.Spec.NodeName, out.Spec.HostNetwork = p.Node, p.HostNetwork
	c := corev1.Container{Name: "c"}
	for _, port := range p.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: port.Name, ContainerPort: int32(port.Number), Protocol: port.Protocol})
	}
	out.Spec.Containers = []corev1.Container{c}
	out.Status.Phase = corev1.PodRunning
	for _, ip := range p.IPs {
		out.Status.PodIPs = append(out.Status.PodIPs, corev1.PodIP{IP: ip.String()})
	}
	return out
}

// generation is a policy as it is after so many edits.
func generation(p *netv1.NetworkPolicy, n int64) *netv1.NetworkPolicy {
	p = p.DeepCopy()
	p.Generation = n
	return p
}
