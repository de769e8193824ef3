//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/binder"
	"github.com/netassay/netassay/clusters/lab/controlplane"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/kubelet/environ"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/pods"
)

// Lab is a running lab. It is a clusters.Cluster.
type Lab struct {
	cfg       Config
	addresses network.Plan
	processes *process.Group
	network   *network.Network
	control   *controlplane.ControlPlane
	client    kubernetes.Interface
	nodes     []*node
	door      *door
	phases    phases

	stopBinder func() error
}

var _ clusters.Cluster = (*Lab)(nil)

// Start starts a lab inside a sandbox and returns when its nodes are ready and its
// services work. Only one lab fits into a sandbox.
func Start(ctx context.Context, cfg Config) (l *Lab, err error) {
	addresses, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if !sandbox.Inside() {
		return nil, errors.New("start lab: not inside a sandbox: call sandbox.Enter first")
	}
	for _, dir := range []string{privateDir, cfg.LogDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("start lab: %w", err)
		}
	}
	l = &Lab{cfg: cfg, addresses: addresses, processes: process.NewGroup(cfg.LogDir)}
	l.phases.start(cfg.Progress)
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start lab: %w", err), l.Close())
	}
	return l, nil
}

// start runs what can run at once: the network beside the control plane, then all nodes.
func (l *Lab) start(ctx context.Context) error {
	g, groupCtx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		defer l.phases.begin("network of " + strconv.Itoa(l.cfg.Nodes) + " nodes")()
		l.network, err = network.New(l.addresses, l.cfg.Nodes)
		return err
	})
	g.Go(func() (err error) {
		defer l.phases.begin("etcd and kube-apiserver")()
		l.control, err = controlplane.Start(groupCtx, controlplane.Config{
			Programs: l.cfg.Programs, Addresses: l.addresses, RBAC: l.cfg.RBAC, Dir: privateDir, Processes: l.processes,
		})
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(protobuf(l.REST()))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	l.client = client
	if err := l.openDoor(); err != nil {
		return err
	}
	l.startBinder(ctx)
	return l.startNodes(ctx)
}

// startBinder starts what binds pods to nodes, until Close.
func (l *Lab) startBinder(ctx context.Context) {
	var nodes []binder.Node
	for _, n := range l.network.Nodes() {
		nodes = append(nodes, binder.Node{Name: n.Name(), Labels: map[string]string{corev1.LabelHostname: n.Name()}})
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- binder.Run(ctx, l.client, nodes) }()
	l.stopBinder = func() error {
		cancel()
		return <-done
	}
}

func (l *Lab) openDoor() error {
	if l.cfg.Door == nil {
		return nil
	}
	l.door = openDoor(l.cfg.Door, net.JoinHostPort("127.0.0.1", strconv.Itoa(controlplane.APIPort)))
	if l.cfg.Kubeconfig == "" {
		return nil
	}
	return l.control.WriteAdminKubeconfig(l.cfg.Kubeconfig, "https://"+l.cfg.Door.Addr().String())
}

func (l *Lab) startNodes(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	l.nodes = make([]*node, len(l.network.Nodes()))
	for i, n := range l.network.Nodes() {
		g.Go(func() (err error) {
			l.nodes[i], err = l.startNode(ctx, n)
			if err != nil {
				return fmt.Errorf("start %s: %w", n.Name(), err)
			}
			return nil
		})
	}
	return g.Wait()
}

// Name is the lab's name.
func (l *Lab) Name() string { return l.cfg.Name }

// REST is a fresh configuration of the admin, for clients inside the sandbox.
func (l *Lab) REST() *rest.Config { return l.control.REST() }

// Families are the lab's IP families, primary first.
func (l *Lab) Families() []model.Family { return l.addresses.Families.List() }

// Nodes are the names of the nodes, sorted.
func (l *Lab) Nodes() []string {
	var out []string
	for _, n := range l.nodes {
		out = append(out, n.Name())
	}
	return out
}

// EngineNodes are the nodes as engines see them, in the order of Nodes.
func (l *Lab) EngineNodes() []engines.Node {
	var out []engines.Node
	for _, n := range l.nodes {
		out = append(out, n)
	}
	return out
}

// Network gives tests the wires: pods' addresses and their reuse.
func (l *Lab) Network() *network.Network { return l.network }

// Pool hands out the addresses of the first node's pods.
func (l *Lab) Pool() *network.Pool { return l.network.Nodes()[0].Pool() }

// Died yields the error of the first of the lab's programs that ended by itself, with the
// end of its log.
func (l *Lab) Died() <-chan error { return l.processes.Died() }

// ReadyAfter is how long Start took.
func (l *Lab) ReadyAfter() time.Duration { return l.phases.total() }

// Close ends the lab's programs and its network. What is left ends with the sandbox.
func (l *Lab) Close() error {
	var errs []error
	if l.door != nil {
		errs = append(errs, l.door.Close())
	} else if l.cfg.Door != nil {
		errs = append(errs, l.cfg.Door.Close())
	}
	if l.stopBinder != nil {
		errs = append(errs, l.stopBinder())
	}
	var agents sync.WaitGroup
	for _, n := range l.nodes {
		if n != nil {
			agents.Go(n.close)
		}
	}
	agents.Wait()
	l.processes.Kill()
	if l.network != nil {
		errs = append(errs, l.network.Close())
	}
	errs = append(errs, os.RemoveAll(filepath.Join(privateDir, "etcd")))
	return errors.Join(errs...)
}

// protobuf makes clients of cfg for built-in types speak protobuf, which costs both ends
// less than JSON.
func protobuf(cfg *rest.Config) *rest.Config {
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return cfg
}

// Image is the name that the lab's nodes know an image by: its own.
func (l *Lab) Image(name string) string { return name }

// AddressAnnotation is the annotation by which a pod asks for an address.
func (l *Lab) AddressAnnotation() string { return kubelet.AddressAnnotation }

// FamilyAnnotation is the annotation by which a pod asks for one IP family.
func (l *Lab) FamilyAnnotation() string { return kubelet.FamilyAnnotation }

// Exec runs command in a container of a running pod, beside the pod's network and the API
// server: the node's agent starts the process.
func (l *Lab) Exec(ctx context.Context, namespace, pod, container string, command []string, s clusters.Streams) error {
	p, err := l.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("exec in %s/%s: %w", namespace, pod, err)
	}
	i := slices.IndexFunc(l.nodes, func(n *node) bool { return n.Name() == p.Spec.NodeName })
	if i < 0 {
		return fmt.Errorf("exec in %s/%s: no node of the lab runs it (node %q)", namespace, pod, p.Spec.NodeName)
	}
	return l.nodes[i].agent.Exec(ctx, namespace, pod, container, command, s)
}

var _ clusters.Outside = (*Lab)(nil)

// Outside implements clusters.Outside: the only program there is the prober.
func (l *Lab) Outside() pods.Execer { return outside{l} }

// BalancerIPs implements clusters.Outside.
func (l *Lab) BalancerIPs(name string, nodePort uint16) []netip.Addr {
	i := slices.IndexFunc(l.nodes, func(n *node) bool { return n.Name() == name })
	if i < 0 {
		return nil
	}
	return l.nodes[i].net.BalancerIPs(nodePort)
}

type outside struct{ lab *Lab }

// Exec implements pods.Execer.
func (o outside) Exec(ctx context.Context, _, _, _ string, command []string, s clusters.Streams) error {
	prober := environ.Image{Path: "/probe", Host: o.lab.cfg.Probe}
	return kubelet.Exec(ctx, "world", o.lab.network.World().Do, prober.Resolve(command), s)
}

// phases measures the parts of a start, which overlap, and tells when each is done.
type phases struct {
	zero time.Time
	tell func(string)

	mu   sync.Mutex
	last time.Duration // when the last part ended, counted from zero
}

func (p *phases) start(tell func(string)) {
	p.zero, p.tell = time.Now(), tell
}

// begin begins a phase; the returned function ends it.
func (p *phases) begin(name string) (end func()) {
	began := time.Since(p.zero)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.last = time.Since(p.zero)
		p.tell(fmt.Sprintf("%6.2fs  %s (%.2fs)", p.last.Seconds(), name, (p.last - began).Seconds()))
	}
}

func (p *phases) total() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}
