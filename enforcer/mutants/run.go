//go:build mutants

package mutants

import (
	"context"
	"errors"
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

// Run is the enforcer of a node with a fault, until ctx ends; then all that it put into the
// kernel is removed. One that was killed leaves it to the next, which must be of the same fault.
func Run(ctx context.Context, m Mutant, api *rest.Config, name, metrics string, log *slog.Logger) (err error) {
	unhook(ctx)
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
	defer func() {
		ctx := context.WithoutCancel(ctx)
		unhook(ctx)
		if left := flush(ctx); left != nil {
			err = errors.Join(err, fmt.Errorf("remove what was made: %w", left))
		}
	}()
	return agent.New(agent.Config{
		Clients: clients, Node: name, Existing: plan.Keep, DenyUnknown: !n.trusting, Host: n.host, Backend: kernel.Auto, Runner: n,
		MinInterval: 50 * time.Millisecond, VerifyInterval: time.Minute, MetricsAddress: metrics, Log: log,
	}).Run(ctx)
}

// flush removes all rules and sets of the enforcer.
func flush(ctx context.Context) error { return kernel.Cleanup(ctx, kernel.Exec{}, kernel.Auto) }
