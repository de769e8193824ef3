package testbed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines"
)

// Provider brings up a cluster of the caller's, with an engine at work in it.
type Provider interface {
	// Up returns when pods can run and the engine enforces. When it returns an error,
	// nothing of it is left.
	Up(ctx context.Context, log Log) (*Testbed, error)
}

// Checker is a Provider that can tell that it was configured wrongly before anything
// starts.
type Checker interface {
	Check() error
}

// NeedsSandbox is a Provider that works inside a sandbox only. Prepare gets, outside of it,
// what can't be had from inside.
type NeedsSandbox interface {
	Prepare(ctx context.Context) error
}

// Log is where it is told what happens.
type Log struct {
	Dir string            // for files, made when need be; "" is none
	Say func(line string) // progress; nil is silent
}

// Testbed is what Up brought up. A Provider fills in what is known of its own.
type Testbed struct {
	Cluster clusters.Cluster
	Lab     *lab.Lab // the cluster, if it is a lab
	// Engine is the name in reports, EngineVersion that of another project's engine, ""
	// for our own, Unsupported what it declares that it lacks.
	Engine        string
	EngineVersion string
	Unsupported   []engines.Unsupported
	// Began is when the making of the cluster did.
	Began time.Time
	// WasThere says that the cluster was not made for this run.
	WasThere bool
	// Keep leaves what the run makes in the cluster.
	Keep bool
	// Restricted makes pods conform to the restricted Pod Security Standard, and
	// PullSecret is by what nodes pull images; see runner.Config.
	Restricted bool
	PullSecret []byte
	// RestartEngine kills the engine's agents, calls meanwhile, and starts them again, until
	// they say that they are in sync. Nil where they can't be killed.
	RestartEngine func(ctx context.Context, meanwhile func(context.Context) error) error
	// Explainer is the engine, where it can be asked about flows; nil elsewhere.
	Explainer engines.Explainer
	// Slow is the engine, where it says itself that it takes long with changes; nil elsewhere.
	Slow engines.Slow
	// Settle returns when the engine goes by the labels that pods and these namespaces have now.
	// Nil where it can't be asked.
	Settle func(ctx context.Context, namespaces []string) error
	// Preflight says, a line each, what the cluster lacks for a run with these needs, and
	// whether that is too much. Nil when it was made for runs.
	Preflight func(ctx context.Context, needs clusters.Needs) (lines []string, fatal bool)
	// ImageSeconds and ClusterSeconds are what the making took; nil where there is none.
	ImageSeconds, ClusterSeconds *float64
	// Containers says that pods are containers, which are slower than processes; see
	// runner.Timing.InContainers.
	Containers bool
	// Died gives an error when something ends that the cluster can't do without; nil when
	// that can't be known.
	Died <-chan error
	// Takedown removes what a Provider of the caller's made; nil when there is nothing to
	// remove. A run that failed leaves more logs.
	Takedown func(ctx context.Context, failed bool) error

	undo []func(ctx context.Context, failed bool) error // what was brought up, in that order
	once sync.Once
	down error
}

// Up returns when pods can run and the engine enforces. When it returns an error, also
// because ctx has ended, nothing is left of what it brought up.
func Up(ctx context.Context, o Options, log Log) (*Testbed, error) {
	if err := o.Check("-"); err != nil {
		return nil, err
	}
	if log.Say == nil {
		log.Say = func(string) {}
	}
	own := o.own()
	if own == nil {
		start := map[string]starter{Lab: startLab, Kind: startKind, Existing: openExisting}
		return up(ctx, o, log, start[o.Provider])
	}
	began := time.Now()
	t, err := own.Up(ctx, log)
	if err != nil {
		return nil, err
	}
	if t.Began.IsZero() {
		t.Began = began
	}
	return t, nil
}

// starter brings up a cluster. What it made, also when it fails, is in the undo of t.
type starter func(ctx context.Context, o Options, log Log, t *Testbed) error

// up brings up a cluster by start and puts the engine to work in it.
func up(ctx context.Context, o Options, log Log, start starter) (*Testbed, error) {
	t := &Testbed{Began: time.Now(), Keep: o.Keep, Restricted: o.Restricted}
	engine, version, err := o.build(ctx)
	if err == nil {
		err = start(ctx, o, log, t)
	}
	if err == nil {
		t.EngineVersion = version
		err = t.putToWork(ctx, engine, log.Say)
	}
	if err != nil {
		return nil, errors.Join(err, t.Down(ctx, ctx.Err() == nil))
	}
	return t, nil
}

// onDown adds what takes away what was just brought up.
func (t *Testbed) onDown(undo func(ctx context.Context, failed bool) error) {
	t.undo = append(t.undo, undo)
}

// downTimeout bounds Down. It is longer than what taking down should ever need, because
// what is cut short may be left behind.
const downTimeout = 2 * time.Minute

// Down removes what Up made, the last first, in a bounded time, also when ctx has ended. It
// does so once; further calls give the same result. A run that failed leaves more logs.
func (t *Testbed) Down(ctx context.Context, failed bool) error {
	t.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
		defer cancel()
		t.down = bounded(ctx, "take down (netassay clean removes what is left)", func() error {
			var errs []error
			for _, undo := range slices.Backward(t.undo) {
				errs = append(errs, undo(ctx, failed))
			}
			if t.Takedown != nil {
				errs = append(errs, t.Takedown(ctx, failed))
			}
			return errors.Join(errs...)
		})
	})
	return t.down
}

// bounded runs do until it ends or ctx does, also if do doesn't heed it.
func bounded(ctx context.Context, what string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: not done in time: %w", what, ctx.Err())
	}
}

// DiedError is why a run could not go on: a program that its cluster needs ended by itself.
type DiedError struct {
	Err error
}

func (e *DiedError) Error() string { return e.Err.Error() }

// Unwrap gives the program's own error.
func (e *DiedError) Unwrap() error { return e.Err }

// Alive is ctx that ends also when a program that the cluster needs does; context.Cause is
// then a *DiedError. stop ends the watching.
func (t *Testbed) Alive(ctx context.Context) (alive context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-t.Died:
			cancel(&DiedError{err})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// Run brings up what o asks for, runs do on it, and takes it down, however do ends. A
// program of the cluster that ends by itself ends do with its error.
func Run(ctx context.Context, o Options, log Log, do func(context.Context, *Testbed) error) (err error) {
	t, err := Up(ctx, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Down(ctx, err != nil && ctx.Err() == nil)) }()
	alive, stop := t.Alive(ctx)
	defer stop()
	err = do(alive, t)
	var died *DiedError
	if errors.As(context.Cause(alive), &died) {
		return died // what do says of it is a consequence
	}
	return err
}

// Fit says what the cluster lacks for a run with these needs. It is an *UnfitError when that is
// too much. needs is asked only where a cluster can lack something.
func (t *Testbed) Fit(ctx context.Context, needs func() clusters.Needs, say func(line string)) error {
	if t.Preflight == nil {
		return nil
	}
	lines, fatal := t.Preflight(ctx, needs())
	if fatal {
		return &UnfitError{Lines: lines}
	}
	for _, line := range lines {
		say(line)
	}
	return nil
}

// UnfitError says, a line each, what a machine or a cluster lacks for a run.
type UnfitError struct {
	Lines []string
}

func (e *UnfitError) Error() string { return strings.Join(e.Lines, "\n") }
