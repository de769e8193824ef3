package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/testbed"
)

// inSandbox runs do inside a sandbox. Outside, it first checks what the sandbox needs and
// gets the programs (inside there is no network to get them by), then runs this same
// command line again inside and ends with its exit code.
func inSandbox(ctx context.Context, stdio IO, f labFlags, do func(context.Context) error) error {
	if sandbox.Inside() {
		return do(ctx)
	}
	if err := prepare(ctx, stdio, f); err != nil {
		return err
	}
	code, err := sandbox.Enter(sandbox.Options{})
	if err != nil {
		return err
	}
	return withCode(code)
}

// prepare finds out what is missing, all of it at once, and builds what can be built.
func prepare(ctx context.Context, stdio IO, f labFlags) error {
	if problems := sandbox.Preflight(); len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintf(stdio.Err, "netassay: %s\n", p)
		}
		return withCode(exitBroken)
	}
	if _, err := testbed.Programs(ctx, stdio.Err); err != nil {
		return err
	}
	entry, err := registry.Lookup(f.engine)
	if err != nil {
		return err
	}
	_, err = entry.Build(ctx, binaries.Finder(stdio.Err))
	return err
}

// session is a running cluster with an engine at work in it.
type session struct {
	cluster clusters.Cluster
	lab     *lab.Lab // the same, when it is a lab
	engine  engines.Engine
	// engineVersion is that of another project's engine, "" for our own.
	engineVersion string
	began         time.Time // the making of the cluster

	keep       bool // leave what the suite makes
	wasThere   bool // the cluster was there before the run
	restricted bool // pods conform to the restricted Pod Security Standard
	pullSecret []byte
	// preflight finds out whether the cluster is fit for a run; nil when it is known to be.
	preflight func(context.Context, clusters.Needs) []existing.Problem
	// imageSeconds and clusterSeconds are of clusters that are made of images, else nil.
	imageSeconds, clusterSeconds *float64
}

// withLab starts a lab and its engine, runs do in it, and takes both down again. A program
// of the lab that ends by itself ends do with its error.
func withLab(ctx context.Context, stdio IO, f labFlags, logDir string, do func(context.Context, *session) error) (err error) {
	progress := func(line string) { fmt.Fprintln(stdio.Err, line) }
	s := &session{began: time.Now()}
	paths, err := testbed.Programs(ctx, stdio.Err)
	if err != nil {
		return err
	}
	s.lab, err = lab.Start(ctx, lab.Config{
		Nodes: f.nodes, Families: f.family, ProxyMode: f.proxyMode,
		Programs: paths, LogDir: logDir, Progress: progress,
	})
	if err != nil {
		return err
	}
	s.cluster = s.lab
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	if err := s.startEngine(ctx, f.engine, progress); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.engine.Stop(context.WithoutCancel(ctx))) }()
	return guarded(ctx, s.lab.Died(), func(ctx context.Context) error { return do(ctx, s) })
}

// ServeLab is the part of the program that runs as a lab: see lab.ServeIfAsked.
func ServeLab() {
	lab.ServeIfAsked(func(ctx context.Context, l *lab.Lab, name string) error {
		s := &session{lab: l, cluster: l}
		return s.startEngine(ctx, name, func(string) {})
	})
}

func (s *session) startEngine(ctx context.Context, name string, progress func(string)) error {
	entry, err := registry.Lookup(name)
	if err != nil {
		return err
	}
	if s.engine, err = entry.Build(ctx, binaries.Finder(nil)); err != nil {
		return err
	}
	s.engineVersion = entry.Version
	start := time.Now()
	progress("starting engine " + name)
	if err := s.engine.Start(ctx, s.lab.EngineNodes()); err != nil {
		return fmt.Errorf("start engine %s: %w", name, err)
	}
	progress(fmt.Sprintf("engine %s in sync on %d nodes (%.1f s)", name, len(s.lab.Nodes()), time.Since(start).Seconds()))
	return nil
}

// guarded runs do until it ends or a program of the cluster dies.
func guarded(ctx context.Context, died <-chan error, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case err := <-died:
			cancel(&diedError{err})
		case <-over:
		}
	}()
	err := do(ctx)
	var why *diedError
	if errors.As(context.Cause(ctx), &why) {
		return why // what do says of it is a consequence
	}
	return err
}

// diedError is why a run could not go on: a program that it needs ended by itself.
type diedError struct {
	err error
}

func (e *diedError) Error() string { return e.err.Error() }
func (e *diedError) Unwrap() error { return e.err }
