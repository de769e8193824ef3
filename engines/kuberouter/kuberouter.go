// Package kuberouter starts kube-router as a network policy controller and nothing else,
// one agent per node, and waits until each has finished its first sync.
//
// It judges nothing; what the agents enforce is found out by suites.
package kuberouter

import (
	"context"
	_ "embed" // profile
	"fmt"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/profile"
)

// Name is the engine's name, and that of its program.
const Name = "kube-router"

//go:embed profile.yaml
var known []byte

// Profile is what is known of kube-router.
func Profile() profile.Profile { return profile.Must(known) }

const (
	// metricsURL is at the metrics port of the options.
	metricsURL = "http://127.0.0.1:20245/metrics"
	// syncs counts the full syncs that have ended; the first begins when all informers
	// are in sync.
	syncs         = "kube_router_controller_iptables_sync_time_count"
	readyDeadline = 2 * time.Minute
)

// New is kube-router with --run-firewall alone, by the path of its program.
func New(binary string) *agents.Engine {
	return &agents.Engine{
		Spec: agents.Spec{
			Name: Name, Ready: ready, Deadline: readyDeadline,
			Argv: func(n engines.Node) []string { return command(binary, n) },
		},
		Lacks: Profile().Lacks(),
	}
}

// command is the command line of the agent on a node. The node's name comes from
// NODE_NAME, which kube-router prefers, as much as from the flag.
func command(binary string, n engines.Node) []string {
	return append([]string{binary, "--kubeconfig=" + n.Kubeconfig(), "--hostname-override=" + n.Name()}, Profile().Args()...)
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
