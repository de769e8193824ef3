// Package reference starts the reference enforcer, one agent process per node, and waits
// until each says that what it knows is in the kernel.
package reference

import (
	"context"
	_ "embed" // profile
	"sync"
	"sync/atomic"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/profile"
)

const (
	// address is where each agent serves readiness and metrics: loopback of its node.
	address = "127.0.0.1:10260"
	// readyDeadline is generous: a loaded machine starts three agents at once.
	readyDeadline = 30 * time.Second
)

//go:embed profile.yaml
var known []byte

// Profile is what is known of the reference enforcer.
func Profile() profile.Profile { return profile.Must(known) }

// Engine is the reference enforcer.
type Engine struct {
	// Binary is the path of the enforcer program.
	Binary string
	// Args are added to each agent's command line.
	Args []string

	agents   agents.Engine
	nodes    atomic.Pointer[[]engines.Node] // on which agents were started
	asking   sync.Mutex
	deployed *deployment
}

// MetricsURL is the page of metrics of each agent, on the loopback of its node.
func (*Engine) MetricsURL() string { return "http://" + address + "/metrics" }

// LastChangeURL is where each agent tells when it saw and enforced the last change.
func (*Engine) LastChangeURL() string { return "http://" + address + "/last-change" }

// Name is "reference".
func (*Engine) Name() string { return "reference" }

// Unsupported is empty: the reference has to do all of the API.
func (*Engine) Unsupported() []engines.Unsupported { return nil }

// Start starts one agent per node and returns when all are in sync.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	e.agents.Spec = e.spec()
	e.nodes.Store(&nodes)
	return e.agents.Start(ctx, nodes)
}

func (e *Engine) spec() agents.Spec {
	return agents.Spec{Name: "enforcer", Argv: e.Command, Ready: agents.ReadyAt("http://" + address + "/readyz"), Deadline: readyDeadline}
}

// Command is the command line of the agent on a node.
func (e *Engine) Command(n engines.Node) []string {
	argv := []string{
		e.Binary,
		"--kubeconfig=" + n.Kubeconfig(),
		"--node-name=" + n.Name(),
		"--metrics-address=" + address,
	}
	return append(argv, e.Args...)
}

// Stop ends the agents with SIGTERM, and with SIGKILL those that take too long. What they
// put into the kernel stays.
func (e *Engine) Stop(ctx context.Context) error { return e.agents.Stop(ctx) }

// Kill implements engines.Killable.
func (e *Engine) Kill(ctx context.Context) error { return e.agents.Kill(ctx) }

// WaitReady waits until the agent p on n, which somebody else has started, is in sync: until
// the deadline of ctx, or for half a minute when it has none.
func (e *Engine) WaitReady(ctx context.Context, n engines.Node, p engines.Process) error {
	spec := e.spec()
	if deadline, ok := ctx.Deadline(); ok {
		spec.Deadline = time.Until(deadline)
	}
	return agents.WaitReady(ctx, n, p, spec)
}
