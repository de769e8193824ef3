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

// New is kube-router with --run-firewall alone, by the path of its program. It declares that
// it lacks IPv6: version 1 has one iptables and one ipset handler, both IPv4, and reads no pod
// IP but the first.
func New(binary string) *agents.Engine {
	return &agents.Engine{
		Spec: agents.Spec{
			Name: Name, Ready: ready, Deadline: readyDeadline,
			Argv: func(n engines.Node) []string { return command(binary, n) },
		},
		Lacks: []engines.Unsupported{{
			Family: model.IPv6,
			Reason: "version 1 of kube-router enforces on IPv4 alone, IPv6 belongs to the v2.0.0 release line (https://github.com/cloudnativelabs/kube-router/blob/v1.6.1/docs/ipv6.md)",
		}},
	}
}

// command is the command line of the agent on a node. The node's name comes from
// NODE_NAME, which kube-router prefers, as much as from the flag.
func command(binary string, n engines.Node) []string {
	return []string{
		binary,
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
