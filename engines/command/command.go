// Package command is an engine of which one process runs on each node of a lab: whatever
// can be started by a command line. The repository of an engine hands one to the suite.
//
// It decides when an agent counts as started. It must never know a particular engine.
package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
)

const (
	defaultPatience = time.Minute
	readyPoll       = 50 * time.Millisecond
	stopGrace       = 5 * time.Second
)

// Engine is one process per node.
type Engine struct {
	// Label is the name of the engine in reports and of its logs.
	Label string
	// Command is the command line of the agent on a node, program first; Env is added to
	// its environment, as KEY=VALUE.
	Command func(engines.Node) []string
	Env     []string
	// Ready is asked again and again until it returns nil: the agent on the node enforces
	// all that the API server has. When nil, an agent that was started is ready.
	Ready func(context.Context, engines.Node) error
	// Patience bounds the waiting for Ready; 1 min when 0.
	Patience time.Duration
	// Lacks is what the engine can't do, with reasons.
	Lacks []engines.Unsupported

	agents []engines.Process
}

var _ engines.Engine = (*Engine)(nil)

// Name is the label.
func (e *Engine) Name() string { return e.Label }

// Unsupported is what the engine declares that it lacks.
func (e *Engine) Unsupported() []engines.Unsupported { return e.Lacks }

// Start starts one agent per node and returns when all are ready.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	if e.Label == "" || e.Command == nil {
		return errors.New("start engine: its Label and its Command must be set")
	}
	for _, n := range nodes {
		p, err := n.Start(e.Label+"-"+n.Name(), e.Command(n), e.Env)
		if err != nil {
			return errors.Join(fmt.Errorf("start %s on %s: %w", e.Label, n.Name(), err), e.Stop(ctx))
		}
		e.agents = append(e.agents, p)
	}
	if e.Ready == nil {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, n := range nodes {
		g.Go(func() error { return e.await(gctx, n, e.agents[i]) })
	}
	if err := g.Wait(); err != nil {
		return errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// await polls Ready until it is satisfied, the agent has died, or time is up.
func (e *Engine) await(ctx context.Context, n engines.Node, p engines.Process) error {
	patience := e.Patience
	if patience <= 0 {
		patience = defaultPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := e.Ready(ctx, n)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s on %s ended before it was ready: see the log %s-%s", e.Label, n.Name(), e.Label, n.Name())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s on %s to be ready: %w (last: %w)", e.Label, n.Name(), ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Stop ends the agents with SIGTERM, and with SIGKILL those that take too long.
func (e *Engine) Stop(ctx context.Context) error {
	processes := e.agents
	e.agents = nil
	agents.Stop(ctx, processes, stopGrace)
	return nil
}

// ReadyAt is a Ready that is satisfied when url, asked from the node itself, answers 200:
// "http://127.0.0.1:9099/readiness".
func ReadyAt(url string) func(context.Context, engines.Node) error {
	return func(ctx context.Context, n engines.Node) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		client := &http.Client{Transport: &http.Transport{DialContext: agents.DialOn(n), DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}
