// Package kuberouter starts kube-router as a network policy controller and nothing else,
// one agent per node, and waits until each has finished its first sync.
//
// It judges nothing; what the agents enforce is found out by suites.
package kuberouter

import (
	"context"
	"fmt"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/model"
)

// Name is the engine's name, and that of its program.
const Name = "kube-router"

const (
	// Ports on the node, away from those that pods' servers use there: cases take nodes
	// as servers too.
	healthPort  = "20244"
	metricsPort = "20245"
	metricsURL  = "http://127.0.0.1:" + metricsPort + "/metrics"
	// syncs counts the full syncs that have ended; the first begins when all informers
	// are in sync.
	syncs         = "kube_router_controller_iptables_sync_time_count"
	readyDeadline = 2 * time.Minute
)

// Engine is kube-router with --run-firewall alone.
type Engine struct {
	// Binary is the path of the program.
	Binary string

	agents agents.Set
}

// Name is "kube-router".
func (*Engine) Name() string { return Name }

// Unsupported declares IPv6: version 1 has one iptables and one ipset handler, both IPv4,
// and reads no pod IP but the first.
func (*Engine) Unsupported() []engines.Unsupported {
	return []engines.Unsupported{{
		Family: model.IPv6,
		Reason: "version 1 of kube-router enforces on IPv4 alone, IPv6 belongs to the v2.0.0 release line (https://github.com/cloudnativelabs/kube-router/blob/v1.6.1/docs/ipv6.md)",
	}}
}

// Start starts one agent per node and returns when all are in sync.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	return e.agents.Start(ctx, nodes, agents.Spec{Name: Name, Argv: e.Command, Ready: ready, Deadline: readyDeadline})
}

// Stop ends the agents. Their rules stay in the kernel.
func (e *Engine) Stop(ctx context.Context) error { return e.agents.Stop(ctx) }

// Command is the command line of the agent on a node. The node's name comes from
// NODE_NAME, which kube-router prefers, as much as from the flag.
func (e *Engine) Command(n engines.Node) []string {
	return []string{
		e.Binary,
		"--kubeconfig=" + n.Kubeconfig(),
		"--hostname-override=" + n.Name(),
		"--run-firewall=true",
		"--run-router=false",
		"--run-service-proxy=false",
		"--enable-cni=false",
		"--health-port=" + healthPort,
		"--metrics-port=" + metricsPort,
		"--v=1",
	}
}

// ready asks whether a full sync has ended. /healthz would say yes before the first one
// has begun. A sync that was broken off counts too, as kube-router keeps no account of
// how a sync ended but in its log.
func ready(_ context.Context, n engines.Node) (agents.Question, error) {
	g := agents.NewGetter(n)
	return func(ctx context.Context) error {
		m, err := g.Metrics(ctx, metricsURL)
		if err != nil {
			return err
		}
		return synced(m)
	}, nil
}

func synced(m agents.Metrics) error {
	if n, found := m.Sum(syncs); !found || n < 1 {
		return fmt.Errorf("%s is %g", syncs, n)
	}
	return nil
}
