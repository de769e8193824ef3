//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/cni"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/clusters/lab/pki"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
)

// node is a node of the lab as an engine sees it.
type node struct {
	net        *network.Node
	kubeconfig string
	env        []string
	processes  *process.Group
	agent      *kubelet.Kubelet
	plugin     atomic.Pointer[engines.Plugin]  // nil where no engine has chained one
	covers     atomic.Pointer[[]engines.Cover] // nil where programs see the lab's own files
}

var (
	_ engines.Chainer = (*node)(nil)
	_ engines.Coverer = (*node)(nil)
)

// newNode prepares what programs on n need: a kubeconfig, and a lock of their own for
// iptables, because nodes of a real cluster don't wait for each other's either.
func (l *Lab) newNode(n *network.Node) (*node, error) {
	dir := filepath.Join(privateDir, n.Name())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	out := &node{
		net: n, processes: l.processes, kubeconfig: filepath.Join(dir, "kubeconfig"),
		env: []string{"XTABLES_LOCKFILE=" + filepath.Join(dir, "xtables.lock"), "NODE_NAME=" + n.Name()},
	}
	return out, l.control.WriteNodeKubeconfig(out.kubeconfig, "system:node:"+n.Name())
}

func (n *node) Name() string       { return n.net.Name() }
func (n *node) Kubeconfig() string { return n.kubeconfig }

func (n *node) Start(name string, argv, env []string) (engines.Process, error) {
	return n.processes.Start(process.Spec{
		Name: name, Argv: argv, Env: append(n.env[:len(n.env):len(n.env)], env...), Do: n.place,
	})
}

func (n *node) Run(ctx context.Context, stdin string, argv ...string) error {
	return n.runEnv(ctx, nil, stdin, argv...)
}

// runEnv is Run with more in the environment.
func (n *node) runEnv(ctx context.Context, env []string, stdin string, argv ...string) error {
	return process.Run(ctx, process.Command{Do: n.place, Env: slices.Concat(n.env, env), Stdin: stdin, Argv: argv})
}

func (n *node) Do(fn func() error) error { return n.net.Do(fn) }

// place runs fn where programs of an engine are started: in the node's network namespace and,
// where there are covers, in a fresh mount namespace.
func (n *node) place(fn func() error) error {
	covers := n.covers.Load()
	if covers == nil {
		return n.net.Do(fn)
	}
	return sandbox.Mounting(func() error {
		for _, c := range *covers {
			if err := unix.Mount(c.What, c.At, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("put %s over %s: %w", c.What, c.At, err)
			}
		}
		return n.net.Do(fn)
	})
}

// Cover implements engines.Coverer.
func (n *node) Cover(covers ...engines.Cover) { n.covers.Store(&covers) }

// startNode starts a node's agent and its kube-proxy, and returns when both are ready.
func (l *Lab) startNode(ctx context.Context, n *network.Node) (*node, error) {
	out, err := l.newNode(n)
	if err != nil {
		return nil, err
	}
	if err := l.startAgent(ctx, out); err != nil {
		return out, err
	}
	defer l.phases.begin("kube-proxy of " + n.Name())()
	proxy, err := l.control.StartProxy(n, l.cfg.ProxyMode, out.env)
	if err != nil {
		return out, err
	}
	return out, l.control.WaitProxy(ctx, n, proxy)
}

func (n *node) close() {
	if n.agent != nil {
		n.agent.Stop()
	}
}

// startAgent starts the node agent of n, which lives until it is stopped; ctx is just for
// the start.
func (l *Lab) startAgent(ctx context.Context, n *node) error {
	defer l.phases.begin("agent of " + n.Name())()
	cfg, err := l.agentConfig(n)
	if err != nil {
		return err
	}
	n.agent, err = kubelet.Start(ctx, cfg)
	return err
}

func (l *Lab) agentConfig(n *node) (kubelet.Config, error) {
	client, err := kubernetes.NewForConfig(protobuf(l.REST()))
	if err != nil {
		return kubelet.Config{}, fmt.Errorf("make client: %w", err)
	}
	ca := l.control.Authority()
	pair, err := ca.Issue(pki.Subject{Name: "system:node:" + n.Name(), Hosts: []string{n.Name()}, IPs: n.net.IPs()})
	if err != nil {
		return kubelet.Config{}, err
	}
	cert, err := pair.TLS()
	if err != nil {
		return kubelet.Config{}, err
	}
	dir := filepath.Join(l.cfg.LogDir, "pods")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return kubelet.Config{}, fmt.Errorf("make directory for the logs of pods: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(l.cfg.LogDir, "kubelet-"+n.Name()+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return kubelet.Config{}, fmt.Errorf("open log of node agent: %w", err)
	}
	return kubelet.Config{
		NodeName: n.Name(), NodeIPs: n.net.IPs(), PodCIDRs: n.net.PodCIDRs(),
		Client: client, Images: l.images(), LogDir: dir,
		Attach:     n.attach,
		ServerCert: cert, ClientCA: ca.Pool(), HostDo: n.net.Do,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}, nil
}

// Chain implements engines.Chainer.
func (n *node) Chain(p engines.Plugin) { n.plugin.Store(&p) }

// attach gives a pod its network, and tells the engine's plugin where there is one.
func (n *node) attach(r kubelet.Request) (kubelet.PodNetwork, error) {
	link := network.LinkName(r.Namespace, r.Name)
	pod, err := n.net.Attach(network.Request{NetNS: r.Key, Link: link, Address: r.Address, Family: r.Family})
	if err != nil {
		return nil, err // a nil *network.Pod would be an interface that is not nil
	}
	plugin := n.plugin.Load()
	if plugin == nil {
		return pod, nil
	}
	chained := &chained{Pod: pod, chain: cni.Chain{Plugin: *plugin, Run: n.runEnv}, told: cni.Pod{
		NetNS: pod.NetNS(), Namespace: r.Namespace, Name: r.Name, UID: r.UID, Link: link, IPs: pod.IPs(),
	}}
	ctx, cancel := context.WithTimeout(context.Background(), pluginDeadline)
	defer cancel()
	if err := chained.chain.Add(ctx, chained.told); err != nil {
		return nil, errors.Join(err, chained.Close())
	}
	return chained, nil
}

// pluginDeadline is how long a plugin may take with one pod; kubelets give two minutes.
const pluginDeadline = 2 * time.Minute

// chained is a pod that an engine's plugin was told of.
type chained struct {
	*network.Pod
	chain cni.Chain
	told  cni.Pod
}

// Close tells the plugin first.
func (c *chained) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), pluginDeadline)
	defer cancel()
	return errors.Join(c.chain.Del(ctx, c.told), c.Pod.Close())
}

// images are what pods can run: the program of each image, by its name.
func (l *Lab) images() map[string]string {
	out := map[string]string{"agnhost": l.cfg.Programs.Path(binaries.Agnhost), "probe": l.cfg.Probe}
	maps.DeleteFunc(out, func(_, path string) bool { return path == "" })
	return out
}
