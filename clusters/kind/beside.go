package kind

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/kind/pkg/cluster/constants"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
)

// Beside are workers of the cluster as engines see them that run beside their containers:
// programs of this machine, in a node's network namespace, so that what they take can be
// measured. They end with this process, whatever ends it.
type Beside struct {
	nodes     []*besideNode
	processes *process.Group
}

// besideNode implements engines.Node.
type besideNode struct {
	name, kubeconfig string
	net              *sandbox.NetNS
	processes        *process.Group
}

var _ engines.Node = (*besideNode)(nil)

// Beside opens the cluster's workers, which it takes root for. Logs go to logDir.
func (c *Cluster) Beside(ctx context.Context, logDir string) (_ *Beside, err error) {
	b := &Beside{processes: process.NewGroup(logDir)}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	kubeconfig, err := c.innerKubeconfig()
	if err != nil {
		return nil, err
	}
	workers, err := nodeutils.SelectNodesByRole(c.nodes, constants.WorkerNodeRoleValue)
	if err != nil {
		return nil, fmt.Errorf("find workers: %w", err)
	}
	for _, n := range workers {
		pid, err := c.docker(ctx, "inspect", "--format", "{{.State.Pid}}", n.String())
		if err != nil {
			return nil, fmt.Errorf("find process of node %s: %w", n, err)
		}
		ns, err := sandbox.OpenNetNS(filepath.Join("/proc", strings.TrimSpace(pid), "ns/net"))
		if err != nil {
			return nil, fmt.Errorf("enter node %s: %w", n, err)
		}
		b.nodes = append(b.nodes, &besideNode{name: n.String(), kubeconfig: kubeconfig, net: ns, processes: b.processes})
	}
	slices.SortFunc(b.nodes, func(x, y *besideNode) int { return strings.Compare(x.name, y.name) })
	return b, nil
}

const (
	apiPort   = "6443"
	innerFile = "kubeconfig-inside"
)

// innerKubeconfig writes the cluster's kubeconfig as it is right from within its network.
func (c *Cluster) innerKubeconfig() (string, error) {
	cfg, err := clientcmd.LoadFromFile(c.claim.kubeconfig())
	if err != nil {
		return "", fmt.Errorf("read kubeconfig of cluster: %w", err)
	}
	server, err := c.innerServer()
	if err != nil {
		return "", err
	}
	for name := range cfg.Clusters {
		cfg.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: cfg.Clusters[name].CertificateAuthorityData}
	}
	path := filepath.Join(c.claim.dir, innerFile)
	if err := clientcmd.WriteToFile(*cfg, path); err != nil { // with mode 0600
		return "", fmt.Errorf("write kubeconfig: %w", err)
	}
	return path, nil
}

// innerServer is where nodes find the API server.
func (c *Cluster) innerServer() (string, error) {
	planes, err := nodeutils.ControlPlaneNodes(c.nodes)
	if err != nil {
		return "", fmt.Errorf("find control plane: %w", err)
	}
	for _, n := range planes {
		four, six, err := n.IP()
		if err != nil {
			return "", fmt.Errorf("find address of node %s: %w", n, err)
		}
		for _, text := range []string{four, six} {
			if ip, err := netip.ParseAddr(text); err == nil {
				return "https://" + net.JoinHostPort(ip.String(), apiPort), nil
			}
		}
	}
	return "", fmt.Errorf("cluster %s has no control plane with an address", c.name)
}

// Nodes are the workers, sorted by name.
func (b *Beside) Nodes() []engines.Node {
	out := make([]engines.Node, len(b.nodes))
	for i, n := range b.nodes {
		out[i] = n
	}
	return out
}

// Died yields why the first program that was not asked to end has ended.
func (b *Beside) Died() <-chan error { return b.processes.Died() }

// Close kills what was started beside the nodes.
func (b *Beside) Close() error {
	b.processes.Kill()
	var errs []error
	for _, n := range b.nodes {
		errs = append(errs, n.net.Close())
	}
	return errors.Join(errs...)
}

func (n *besideNode) Name() string       { return n.name }
func (n *besideNode) Kubeconfig() string { return n.kubeconfig }

func (n *besideNode) Start(name string, argv, env []string) (engines.Process, error) {
	return n.processes.Start(process.Spec{Name: name, Argv: argv, Env: append(n.env(), env...), Do: n.net.Do, Bound: true})
}

func (n *besideNode) Run(ctx context.Context, stdin string, argv ...string) error {
	return process.Run(ctx, process.Command{Do: n.net.Do, Env: n.env(), Stdin: stdin, Argv: argv})
}

func (n *besideNode) Do(fn func() error) error { return n.net.Do(fn) }

// env keeps nodes from waiting for each other's lock of iptables.
func (n *besideNode) env() []string {
	return []string{"NODE_NAME=" + n.name, "XTABLES_LOCKFILE=" + filepath.Join(filepath.Dir(n.kubeconfig), n.name+".lock")}
}
