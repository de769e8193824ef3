//go:build mutants

package mutants

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
)

// Run is the enforcer of a node with a fault, until ctx ends. What an earlier one left is
// removed first, and the mutant's own rules at the end.
func Run(ctx context.Context, m Mutant, api *rest.Config, name, metrics string, log *slog.Logger) error {
	unhook(ctx)
	if err := kernel.Cleanup(ctx, kernel.Exec{}, kernel.Auto); err != nil {
		return fmt.Errorf("remove what was there: %w", err)
	}
	n := newNode(name, log)
	n.raw.rules = m.rules
	if m.begin != nil {
		m.begin(n)
	}
	api = rest.CopyConfig(api)
	api.Wrap(func(rt http.RoundTripper) http.RoundTripper { return transport{rt, n} })
	clients, err := watch.NewClients(api)
	if err != nil {
		return err
	}
	defer unhook(context.WithoutCancel(ctx))
	return agent.New(agent.Config{
		Clients: clients, Node: name, Existing: plan.Keep, DenyUnknown: !n.trusting, Backend: kernel.Auto, Runner: n,
		MinInterval: 50 * time.Millisecond, VerifyInterval: time.Minute, MetricsAddress: metrics, Log: log,
	}).Run(ctx)
}
