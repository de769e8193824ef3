// Package reference starts the reference enforcer, one agent process per node, and waits
// until each says that what it knows is in the kernel.
package reference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
)

const (
	// address is where each agent serves readiness and metrics: loopback of its node.
	address = "127.0.0.1:10260"
	// readyDeadline is generous: a loaded machine starts three agents at once.
	readyDeadline = 30 * time.Second
	readyPoll     = 20 * time.Millisecond
	stopGrace     = 5 * time.Second
)

// Engine is the reference enforcer.
type Engine struct {
	// Binary is the path of the enforcer program.
	Binary string
	// Args are added to each agent's command line.
	Args []string

	agents   []engines.Process
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
	for _, n := range nodes {
		p, err := n.Start("enforcer-"+n.Name(), e.Command(n), nil)
		if err != nil {
			return errors.Join(fmt.Errorf("start enforcer on %s: %w", n.Name(), err), e.Stop(ctx))
		}
		e.agents = append(e.agents, p)
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, n := range nodes {
		g.Go(func() error { return WaitReady(gctx, n, e.agents[i]) })
	}
	if err := g.Wait(); err != nil {
		return errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
	}
	return nil
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
func (e *Engine) Stop(ctx context.Context) error {
	processes := e.agents
	e.agents = nil
	agents.Stop(ctx, processes, stopGrace)
	return nil
}

// WaitReady polls the readiness of the agent p on n until it is ready, has died, or is too
// late: by the deadline of ctx, or after half a minute when it has none.
func WaitReady(ctx context.Context, n engines.Node, p engines.Process) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, readyDeadline)
		defer cancel()
	}
	client := &http.Client{Transport: &http.Transport{DialContext: agents.DialOn(n), DisableKeepAlives: true}}
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	last := "not asked yet"
	for {
		ok, answer := askReady(ctx, client)
		if ok {
			return nil
		}
		if answer != "" {
			last = answer
		}
		select {
		case <-p.Done():
			return fmt.Errorf("enforcer on %s ended before it was ready: see the log enforcer-%s", n.Name(), n.Name())
		case <-ctx.Done():
			return fmt.Errorf("wait for enforcer on %s to be in sync (last: %s): %w", n.Name(), last, ctx.Err())
		case <-tick.C:
		}
	}
}

func askReady(ctx context.Context, client *http.Client) (ok bool, answer string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false, err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	return resp.StatusCode == http.StatusOK, strings.TrimSpace(string(body))
}
