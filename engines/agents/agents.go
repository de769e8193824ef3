package agents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
)

// stopGrace is how long agents may take to end after SIGTERM.
const stopGrace = 10 * time.Second

// readyPoll is how often an agent is asked.
const readyPoll = 20 * time.Millisecond

// Spec says how an engine's agent runs on a node.
type Spec struct {
	// Name is the program, for logs ("NAME-NODE") and messages.
	Name string
	// Argv is the command line on a node.
	Argv func(n engines.Node) []string
	// Env is added to the environment, as KEY=VALUE; may be nil.
	Env func(n engines.Node) []string
	// Install writes to the cluster, which cfg reaches, what agents on nodes need to find there. It
	// is called before the first start alone; may be nil.
	Install func(ctx context.Context, cfg *rest.Config, nodes []engines.Node) error
	// Prepare makes on a node what the agent needs to find; may be nil.
	Prepare func(ctx context.Context, n engines.Node) error
	// Ready makes the question to put to the agent of a node, again and again. When nil, an
	// agent that was started is in sync.
	Ready func(ctx context.Context, n engines.Node) (Question, error)
	// Deadline is how long an agent may take from its start to being in sync.
	Deadline time.Duration
}

// Question asks an agent whether it is in sync. When it is not, the error says what is
// missing, for the message of a start that took too long.
type Question func(ctx context.Context) error

// Engine is an engine that is just its agents.
type Engine struct {
	Spec
	// Lacks is what the engine declares that it lacks.
	Lacks []engines.Unsupported

	installed bool
	processes []engines.Process
}

var _ engines.Killable = (*Engine)(nil)

// Name is the program's.
func (e *Engine) Name() string { return e.Spec.Name }

// Unsupported is what the engine declares that it lacks.
func (e *Engine) Unsupported() []engines.Unsupported { return e.Lacks }

// Start installs what the engine installs, starts an agent on each node and returns when all are
// in sync, or stops them and returns the error of the first that can't be.
func (e *Engine) Start(ctx context.Context, nodes []engines.Node) error {
	if err := e.install(ctx, nodes); err != nil {
		return fmt.Errorf("install %s: %w", e.Spec.Name, err)
	}
	for _, n := range nodes {
		if err := e.startOne(ctx, n); err != nil {
			return errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
		}
	}
	if e.Ready == nil {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, n := range nodes {
		p := e.processes[i]
		g.Go(func() error { return WaitReady(gctx, n, p, e.Spec) })
	}
	if err := g.Wait(); err != nil {
		return errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// install calls Install until it has gone well once. The API server is reached as agents do.
func (e *Engine) install(ctx context.Context, nodes []engines.Node) error {
	if e.Install == nil || e.installed || len(nodes) == 0 {
		return nil
	}
	cfg, err := REST(nodes[0])
	if err != nil {
		return err
	}
	err = e.Install(ctx, cfg, nodes)
	e.installed = err == nil
	return err
}

func (e *Engine) startOne(ctx context.Context, n engines.Node) error {
	spec := e.Spec
	if spec.Prepare != nil {
		if err := spec.Prepare(ctx, n); err != nil {
			return fmt.Errorf("prepare %s for %s: %w", n.Name(), spec.Name, err)
		}
	}
	var env []string
	if spec.Env != nil {
		env = spec.Env(n)
	}
	p, err := n.Start(spec.logName(n), spec.Argv(n), env)
	if err != nil {
		return fmt.Errorf("start %s on %s: %w", spec.Name, n.Name(), err)
	}
	e.processes = append(e.processes, p)
	return nil
}

func (s Spec) logName(n engines.Node) string { return s.Name + "-" + n.Name() }

// WaitReady asks the agent p on n until the answer is yes, p has ended, or it is too late: by
// spec or by ctx.
func WaitReady(ctx context.Context, n engines.Node, p engines.Process, spec Spec) error {
	ctx, cancel := context.WithTimeout(ctx, spec.Deadline)
	defer cancel()
	ask, err := spec.Ready(ctx, n)
	if err != nil {
		return fmt.Errorf("find out what %s on %s has to know: %w", spec.Name, n.Name(), err)
	}
	for {
		last := ask(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s on %s ended before it was in sync: see the log %s", spec.Name, n.Name(), spec.logName(n))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s on %s to be in sync (last: %w): %w", spec.Name, n.Name(), last, ctx.Err())
		case <-time.After(readyPoll):
		}
	}
}

// Stop ends the agents with SIGTERM, and with SIGKILL those that take too long. What they
// put into the kernel stays.
func (e *Engine) Stop(ctx context.Context) error {
	processes := e.processes
	e.processes = nil
	Stop(ctx, processes, stopGrace)
	return nil
}

// Kill ends the agents with SIGKILL and returns when they are gone; Start starts new ones.
func (e *Engine) Kill(ctx context.Context) error {
	processes := e.processes
	e.processes = nil
	for _, p := range processes {
		if err := p.Signal(os.Kill); err != nil {
			return fmt.Errorf("kill %s: %w", e.Spec.Name, err)
		}
	}
	for _, p := range processes {
		select {
		case <-p.Done():
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to end: %w", e.Spec.Name, ctx.Err())
		}
	}
	return nil
}

// Stop ends processes with SIGTERM, and with SIGKILL those that take longer than grace.
func Stop(ctx context.Context, processes []engines.Process, grace time.Duration) {
	for _, p := range processes {
		_ = p.Signal(syscall.SIGTERM) // an error means that it has ended
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for _, p := range processes {
		select {
		case <-p.Done():
		case <-ctx.Done():
			_ = p.Signal(os.Kill)
		}
	}
}
