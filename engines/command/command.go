// Package command is an engine of which one process runs on each node of a lab: whatever
// can be started by a command line. The repository of an engine hands one to the suite.
//
// It decides when an agent counts as started. It must never know a particular engine.
package command

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
)

const defaultPatience = time.Minute

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
	// Lacks is what the engine can't do, with the reason and what becomes of a policy that asks for
	// it: suites judge what stays open all the same, and what is not said.
	Lacks []engines.Unsupported

	agents agents.Engine
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
	e.agents.Spec = agents.Spec{
		Name: e.Label, Argv: e.Command, Env: func(engines.Node) []string { return e.Env },
		Deadline: cmp.Or(max(e.Patience, 0), defaultPatience),
	}
	if e.Ready != nil {
		e.agents.Ready = func(_ context.Context, n engines.Node) (agents.Question, error) {
			return func(ctx context.Context) error { return e.Ready(ctx, n) }, nil
		}
	}
	return e.agents.Start(ctx, nodes)
}

// Stop ends the agents with SIGTERM, and with SIGKILL those that take too long.
func (e *Engine) Stop(ctx context.Context) error { return e.agents.Stop(ctx) }

// Kill implements engines.Killable.
func (e *Engine) Kill(ctx context.Context) error { return e.agents.Kill(ctx) }

// ReadyAt is a Ready that is satisfied when url, asked from the node itself, answers 200:
// "http://127.0.0.1:9099/readiness".
func ReadyAt(url string) func(context.Context, engines.Node) error {
	return func(ctx context.Context, n engines.Node) error {
		_, err := agents.NewGetter(n).Get(ctx, url)
		return err
	}
}
