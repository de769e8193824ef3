package chaos

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
)

// The pods. Near clients are on the server's node, far ones on another. The bad ones are
// allowed by no version of any policy, the others by every one.
const (
	server  = "server"
	near    = "near"
	far     = "far"
	badNear = "bad-near"
	badFar  = "bad-far"
)

// port is where all pods listen, TCP and UDP.
const port = 80

// placement says on which of the first two nodes each pod runs.
func placement() map[string]int {
	return map[string]int{server: 0, near: 0, badNear: 0, far: 1, badFar: 1}
}

// place is the pods in their namespace, each with a prober.
type place struct {
	cfg       *Config
	namespace string
	fleet     *probe.Fleet
	pods      map[string]probe.Pod
}

func newPlace(cfg *Config) *place {
	return &place{cfg: cfg, namespace: "chaos-" + cfg.Backend, fleet: probe.NewFleet(), pods: map[string]probe.Pod{}}
}

// create makes the pods and starts their probers.
func (p *place) create(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}}
	if err := pods.CreateNamespace(ctx, p.cfg.Client, ns, nil); err != nil {
		return err
	}
	nodes := p.cfg.Lab.Nodes()
	if len(nodes) < 2 {
		return fmt.Errorf("chaos needs 2 nodes, the lab has %d: give --nodes 2", len(nodes))
	}
	for name, n := range placement() {
		object := podspec.Pod(p.namespace, name, nodes[n], p.cfg.Lab.Image("probe"), nil)
		if _, err := pods.Create(ctx, p.cfg.Client, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create pod %s: %w", name, err)
		}
	}
	starter := pods.Starter{Client: p.cfg.Client, Exec: p.cfg.Lab, Fleet: p.fleet, Listen: fmt.Sprintf("%d/tcp,%[1]d/udp", port)}
	for name := range placement() {
		if err := p.attach(ctx, starter, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) attach(ctx context.Context, starter pods.Starter, name string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timing.Deadline)
	defer cancel()
	p.pods[name], err = starter.Attach(ctx, p.namespace, name)
	return err
}

// remove takes the namespace and all in it away, and ends the probers.
func (p *place) remove(ctx context.Context) error {
	if err := p.fleet.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Timing.Deadline)
	defer cancel()
	if err := p.cfg.Client.CoreV1().Namespaces().Delete(ctx, p.namespace, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete namespace: %w", err)
	}
	return nil
}

// flows are those of clients to the server, in each family.
func (p *place) flows(clients ...string) []flows.Flow {
	var from []probe.Pod
	for _, c := range clients {
		from = append(from, p.pods[c])
	}
	return flows.To(p.pods[server], port, from...)
}
