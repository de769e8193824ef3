package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/reference"
)

// agent is the enforcer on one node.
type agent struct {
	node    engines.Node
	engine  *reference.Engine
	process engines.Process
}

func (r *run) newAgents() {
	e := &reference.Engine{Binary: r.cfg.Binary, Args: []string{
		"--iptables-backend=" + r.cfg.Backend, "--verify-interval=" + r.cfg.Timing.Verify.String(),
	}}
	for _, n := range r.cfg.Lab.EngineNodes() {
		r.agents = append(r.agents, &agent{node: n, engine: e})
	}
}

func (a *agent) start() (err error) {
	a.process, err = a.node.Start("enforcer-"+a.node.Name(), a.engine.Command(a.node), nil)
	if err != nil {
		return fmt.Errorf("start enforcer on %s: %w", a.node.Name(), err)
	}
	return nil
}

// end sends sig and waits until the process is gone.
func (a *agent) end(ctx context.Context, sig os.Signal) error {
	if err := a.process.Signal(sig); err != nil {
		return fmt.Errorf("end enforcer on %s: %w", a.node.Name(), err)
	}
	select {
	case <-a.process.Done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for enforcer on %s to end: %w", a.node.Name(), ctx.Err())
	}
}

// ready waits until each agent says that what it knows is in the kernel.
func (r *run) ready(ctx context.Context) error {
	for _, a := range r.agents {
		if err := reference.WaitReady(ctx, a.node, a.process); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) startAgents(ctx context.Context) error {
	for _, a := range r.agents {
		if err := a.start(); err != nil {
			return err
		}
	}
	return r.ready(ctx)
}

// stopAgents ends the agents and takes their rules away, so that the other backend finds
// nodes as new.
func (r *run) stopAgents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Timing.Deadline)
	defer cancel()
	var errs []error
	for _, a := range r.agents {
		if a.process == nil {
			continue
		}
		_ = a.process.Signal(syscall.SIGTERM) // an error means that it has ended
		select {
		case <-a.process.Done():
		case <-time.After(5 * time.Second):
			_ = a.process.Signal(syscall.SIGKILL)
		}
		errs = append(errs, a.node.Run(ctx, "", r.cfg.Binary, "cleanup", "--iptables-backend", r.cfg.Backend))
	}
	return errors.Join(errs...)
}
