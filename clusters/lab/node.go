package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/network"
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
