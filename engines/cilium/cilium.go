package cilium

import (
	"context"
	_ "embed" // profile
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/objects"
	"github.com/netassay/netassay/engines/profile"
)

// Names of the engines; all run the program that is called as the first.
const (
	Name       = "cilium"
	Jitterless = "cilium-jitter-0s"
	InCluster  = "cilium-cidr-nodes-pods"
)

const (
	// Addresses on the node's loopback, the agent's defaults.
	readyURL   = "http://127.0.0.1:9879/healthz"
	metricsURL = "http://127.0.0.1:9962/metrics"
	// readyDeadline is generous: on a busy machine the first program takes clang a minute.
	readyDeadline = 5 * time.Minute
	// What clusters/binaries keeps beside the program: the definitions, the plugin, and in bpf the
	// sources, which the agent looks for by that name.
	crds   = "crds"
	plugin = "cilium-cni"
)

//go:embed profile.yaml
var known []byte

// Profile is what is known of Cilium.
func Profile() profile.Profile { return profile.Must(known) }

// Engine is the agents, and what they find on their nodes and in the API server.
type Engine struct {
	agents.Engine
	profile  profile.Profile
	binary   string
	families map[string]families // by node
}

// New is the engine of that name by the path of the agent's program.
func New(name, binary string) *Engine {
	p, ok := Profile().Variant(name)
	if !ok {
		panic("cilium: no variant " + name)
	}
	e := &Engine{profile: p, binary: binary}
	e.Engine = agents.Engine{Lacks: p.Lacks(), Spec: agents.Spec{
		Name: name, Argv: e.command, Env: environment, Install: e.install, Prepare: e.prepare, Ready: agents.ReadyAt(readyURL), Deadline: readyDeadline,
	}}
	return e
}

// MetricsURL is the page of metrics of each agent, on the loopback of its node.
func (*Engine) MetricsURL() string { return metricsURL }

// Patience implements engines.Slow.
func (e *Engine) Patience() (after time.Duration, why string) {
	d := e.profile.Deadline
	return d.After.Duration, d.Why
}

// install applies Cilium's definitions, and learns the families of the nodes' pods.
func (e *Engine) install(ctx context.Context, cfg *rest.Config, nodes []engines.Node) (err error) {
	if e.families, err = familiesOf(ctx, cfg, nodes); err != nil {
		return err
	}
	manifests, err := objects.Beneath(e.beside(crds))
	if err != nil {
		return err
	}
	return objects.Install(ctx, cfg, manifests...)
}

// beside is the path of what stands beside the program.
func (e *Engine) beside(name string) string { return filepath.Join(filepath.Dir(e.binary), name) }

// command is the command line of the agent on a node: the profile's options, and what is the
// node's own.
func (e *Engine) command(n engines.Node) []string {
	f := e.families[n.Name()]
	return append([]string{
		filepath.Join(dirOf(n), "bin", agentName),
		"--k8s-kubeconfig-path=" + n.Kubeconfig(),
		"--lib-dir=" + filepath.Dir(e.binary), // it compiles what is in bpf there
		"--bpf-root=" + bpfOf(dirOf(n)),
		fmt.Sprintf("--enable-ipv4=%t", f.ipv4),
		fmt.Sprintf("--enable-ipv6=%t", f.ipv6),
	}, e.profile.Args()...)
}

// JudgesOnLinks implements engines.OnLinks: its programs hang on the pods' links.
func (*Engine) JudgesOnLinks() {}

// Chained implements engines.Plugged: the configuration of the plugin is as Cilium's documentation of
// chaining has it.
func (e *Engine) Chained() engines.Plugin {
	return engines.Plugin{Path: e.beside(plugin), Config: map[string]any{
		"cniVersion": "0.3.1", "name": "generic-veth", "type": plugin, "chaining-mode": "generic-veth",
	}}
}
