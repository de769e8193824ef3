package lab

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/clusters/lab/pki"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/process"
)

// node is a node of the lab as an engine sees it.
type node struct {
	net        *network.Node
	kubeconfig string
	env        []string
	processes  *process.Group
	agent      *kubelet.Kubelet
}

var _ engines.Node = (*node)(nil)

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
		Name: name, Argv: argv, Env: append(n.env[:len(n.env):len(n.env)], env...), Do: n.net.Do,
	})
}

func (n *node) Run(ctx context.Context, stdin string, argv ...string) error {
	return process.Run(ctx, process.Command{Do: n.net.Do, Env: n.env, Stdin: stdin, Argv: argv})
}

func (n *node) Do(fn func() error) error { return n.net.Do(fn) }

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

// attach gives a pod its network.
func (n *node) attach(r kubelet.Request) (kubelet.PodNetwork, error) {
	pod, err := n.net.Attach(network.Request{
		NetNS: r.Key, Link: network.LinkName(r.Namespace, r.Name), Address: r.Address, Family: r.Family,
	})
	if err != nil {
		return nil, err // a nil *network.Pod would be an interface that is not nil
	}
	return pod, nil
}

// images are what pods can run: the program of each image, by its name.
func (l *Lab) images() map[string]string {
	out := map[string]string{"agnhost": l.cfg.Programs.Path(binaries.Agnhost), "probe": l.cfg.Probe}
	maps.DeleteFunc(out, func(_, path string) bool { return path == "" })
	return out
}
