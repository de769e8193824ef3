package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/reference"
)

// enforcer is the enforcer of one node, which phases end and start again.
type enforcer interface {
	node() string
	start() error
	// end sends sig and waits until the process is gone.
	end(ctx context.Context, sig os.Signal) error
	// ready waits until it says that what it knows is in the kernel.
	ready(ctx context.Context) error
}

// enforcers are those of all nodes.
type enforcers []enforcer

func (all enforcers) start(ctx context.Context) error {
	for _, e := range all {
		if err := e.start(); err != nil {
			return err
		}
	}
	return all.ready(ctx)
}

func (all enforcers) ready(ctx context.Context) error {
	for _, e := range all {
		if err := e.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// agent is the reference enforcer as a process on a node of the lab.
type agent struct {
	on      engines.Node
	engine  *reference.Engine
	process engines.Process
}

func newAgents(cfg *Config) []*agent {
	e := &reference.Engine{Binary: cfg.Binary, Args: []string{
		"--iptables-backend=" + cfg.Backend, "--verify-interval=" + cfg.Timing.Verify.String(),
	}}
	var out []*agent
	for _, n := range cfg.Lab.EngineNodes() {
		out = append(out, &agent{on: n, engine: e})
	}
	return out
}

func (a *agent) node() string { return a.on.Name() }

func (a *agent) start() (err error) {
	a.process, err = a.on.Start("enforcer-"+a.node(), a.engine.Command(a.on), nil)
	if err != nil {
		return fmt.Errorf("start enforcer on %s: %w", a.node(), err)
	}
	return nil
}

func (a *agent) end(ctx context.Context, sig os.Signal) error {
	if err := a.process.Signal(sig); err != nil {
		return fmt.Errorf("end enforcer on %s: %w", a.node(), err)
	}
	select {
	case <-a.process.Done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for enforcer on %s to end: %w", a.node(), ctx.Err())
	}
}

func (a *agent) ready(ctx context.Context) error { return a.engine.WaitReady(ctx, a.on, a.process) }

// uninstall ends the agents and takes their rules away, so that the other backend finds
// nodes as new.
func uninstall(ctx context.Context, cfg *Config, all []*agent) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Timing.Deadline)
	defer cancel()
	var errs []error
	for _, a := range all {
		if a.process == nil {
			continue
		}
		agents.Stop(ctx, []engines.Process{a.process}, 5*time.Second)
		errs = append(errs, a.on.Run(ctx, "", cfg.Binary, "cleanup", "--iptables-backend", cfg.Backend))
	}
	return errors.Join(errs...)
}
