package scenarios

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/agent"
	agentbench "github.com/netassay/netassay/enforcer/agent/bench"
	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// deadline is for what is waited for without a bench.
const deadline = time.Minute

// bench is an agent of node n1 between a fake API server and a kernel, the simulated one
// unless a Runner is given.
type bench struct {
	*agentbench.Bench
	backend kernel.Backend
	real    kernel.Runner
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return &bench{Bench: agentbench.New(t, 10261)}
}

// load puts a snapshot into the API server.
func (b *bench) load(s model.Snapshot) {
	for i := range s.Namespaces {
		b.API.Set(apiNamespace(s.Namespaces[i]))
	}
	for i := range s.Nodes {
		b.API.Set(apiNode(s.Nodes[i]))
	}
	for i := range s.Pods {
		b.API.Set(apiPod(s.Pods[i]))
	}
	for _, p := range s.Policies {
		b.API.Set(p)
	}
}

// start runs an agent. Stop ends it and returns when it has ended.
func (b *bench) start() {
	b.T.Helper()
	b.Start(agent.Config{Node: "n1", Backend: b.backend, Runner: b.real})
}

// metric reports whether the agent shows this line.
func (b *bench) metric(line string) bool {
	_, body := b.Get("/metrics")
	return strings.Contains(body, line+"\n")
}

// passes reports whether the simulated kernel forwards a new flow.
func (b *bench) passes(f model.Flow) bool {
	b.Lock()
	defer b.Unlock()
	return passes(b.T, b.Kernel.Machine, simnet.PacketOf(f))
}

// all reports whether every flow ("x/a > y/a:80/TCP allow") meets its verdict.
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
	b.T.Helper()
	b.Lock()
	defer b.Unlock()
	if err := b.Kernel.Machine.RestoreRules(iptsim.IPv4, strings.NewReader("*mangle\n"+strings.Join(lines, "\n")+"\nCOMMIT\n")); err != nil {
		b.T.Fatal(err)
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
