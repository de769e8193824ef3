package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// session plays cases; *runner.Session is one.
type session interface {
	Start(ctx context.Context) error
	Order() []string
	Play(ctx context.Context, name string) (v1.Case, error)
	Skip(reason string)
	Forget()
	Close(ctx context.Context) *v1.Run
}

// opener makes the session of a run and what frees it after it was closed.
type opener func(runner.Config) (s session, free func(), err error)

// run is one call of Test.
type run struct {
	suite   *Suite
	ctx     context.Context
	session session
	out     string
	began   time.Time
	ready   atomic.Pointer[float64] // seconds from the start to the first fixture
	place   *testbed.Testbed
}

// begin brings everything up. What it brings up goes down when the test ends, however it
// ends: panics and FailNow of features reach the Cleanup of the test above them.
func (s *Suite) begin(ctx context.Context, t *testing.T, chosen []cases.Case) (*run, error) {
	t.Helper()
	r := &run{suite: s, ctx: ctx, began: time.Now()}
	if err := r.claim(); err != nil {
		return nil, err
	}
	place, err := s.settings.site.Up(ctx, testbed.Log{Dir: filepath.Join(r.out, "logs"), Say: func(line string) { t.Log(line) }})
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", s.settings.provider, err)
	}
	t.Cleanup(func() {
		t.Helper()
		if err := place.Down(ctx, t.Failed() && ctx.Err() == nil); err != nil {
			t.Errorf("take down what provider %s brought up: %v", s.settings.provider, err)
		}
	})
	r.ctx = whileAlive(ctx, t, place.Died)
	if err := r.openSession(t, place, chosen); err != nil {
		return nil, err
	}
	return r, r.session.Start(r.ctx)
}

// whileAlive is ctx that also ends when something that the cluster needs does.
func whileAlive(ctx context.Context, t *testing.T, died <-chan error) context.Context {
	t.Helper()
	if died == nil {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	go func() {
		select {
		case err := <-died:
			cancel(err)
		case <-over:
		}
	}()
	return ctx
}

func (r *run) openSession(t *testing.T, place *testbed.Testbed, chosen []cases.Case) error {
	t.Helper()
	set := r.suite.settings
	timing := set.timing
	if place.Containers {
		timing = timing.InContainers()
	}
	cfg := runner.Config{
		Cluster: place.Cluster, Cases: chosen, Engine: place.Engine, Unsupported: place.Unsupported,
		RunUnsupported: set.runUnsupported, RunID: runner.NewID(), Tool: tool(), Seed: runner.SeedOr(set.seed),
		Parallel: set.parallel(), FailFast: set.framework.FailFast(), Timing: timing,
		Restricted: place.Restricted, PullSecret: place.PullSecret, Keep: place.Keep,
		Events: func(e runner.Event) { r.event(t, e) },
	}
	if err := r.preflight(t, place, cfg); err != nil {
		return err
	}
	open := r.suite.open
	if open == nil {
		open = openRunner
	}
	opened, free, err := open(cfg)
	if err != nil {
		return err
	}
	r.session, r.place = opened, place
	t.Logf("seed %d", cfg.Seed)
	t.Cleanup(func() {
		t.Helper()
		defer free()
		r.finish(t)
	})
	return nil
}

// preflight says what the cluster lacks for the run; the error, that it is too much.
func (r *run) preflight(t *testing.T, place *testbed.Testbed, cfg runner.Config) error {
	t.Helper()
	if place.Preflight == nil {
		return nil
	}
	problems, fatal := place.Preflight(r.ctx, runner.Needs(cfg))
	if fatal {
		return errors.New(strings.Join(problems, "\n"))
	}
	for _, p := range problems {
		t.Log(p)
	}
	return nil
}

// openRunner opens a session of the runner, with probers of its own.
func openRunner(cfg runner.Config) (session, func(), error) {
	client, err := kubernetes.NewForConfig(cfg.Cluster.REST())
	if err != nil {
		return nil, nil, fmt.Errorf("make client: %w", err)
	}
	fleet := probe.NewFleet()
	cfg.Client, cfg.Fleet = client, fleet
	s, err := runner.Open(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, fleet.Close())
	}
	return s, func() { _ = fleet.Close() }, nil
}

// finish closes the session, writes the results and says what they are. It is reached on
// every way out of a test.
func (r *run) finish(t *testing.T) {
	t.Helper()
	switch {
	case r.ctx.Err() != nil:
		why := context.Cause(r.ctx)
		t.Errorf("the run was stopped: %v", why)
		var signalled *signalError
		if errors.As(why, &signalled) {
			r.suite.note(exitInterrupted)
		}
	case r.suite.settings.framework.FailFast() && t.Failed():
		r.session.Skip("fail-fast: an earlier case did not pass")
	default:
		r.session.Forget() // what go test's own -run and -skip left out
	}
	report := r.session.Close(r.ctx)
	if !r.place.WasThere {
		report.LabReady = r.ready.Load()
	}
	report.ImageSeconds, report.ClusterSeconds = r.place.ImageSeconds, r.place.ClusterSeconds
	if err := reports.WriteFolder(r.out, report); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %d cases, %d passed, %d failed; results: %s", report.Verdict(), len(report.Cases),
		report.Count(v1.Pass), report.Count(v1.Fail), r.out)
	r.suite.finished(t, report)
}

func (r *run) event(t *testing.T, e runner.Event) {
	t.Helper()
	switch e.Kind {
	case runner.FixtureReady:
		if seconds := time.Since(r.began).Seconds(); r.ready.CompareAndSwap(nil, &seconds) {
			t.Logf("cluster, engine and first 9 pods ready after %.1f s", seconds)
		}
	case runner.Trouble:
		t.Logf("trouble: %s", e.Message)
	case runner.RunStarted, runner.CaseStarted, runner.CaseEnded:
	}
}

// claim makes the result directory. The second run of a program, by -count or another test,
// has one of its own.
func (r *run) claim() error {
	set := r.suite.settings
	r.out = set.out
	if r.out == "" {
		name := "conformance"
		if set.place.engine != "" {
			name += "-" + set.place.engine
		}
		r.out = filepath.Join("results", r.began.Format("20060102-150405")+"-"+name)
	}
	if !filepath.IsAbs(r.out) {
		root, err := workDir()
		if err != nil {
			return err
		}
		r.out = filepath.Join(root, r.out)
	}
	r.suite.mu.Lock()
	defer r.suite.mu.Unlock()
	if r.suite.tests++; r.suite.tests > 1 {
		r.out = fmt.Sprintf("%s-%d", r.out, r.suite.tests)
	}
	return reports.Claim(r.out)
}

// moduleVersion is the version of this module in the test binary.
func moduleVersion() string {
	const path = "github.com/netassay/netassay"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" {
			return m.Version
		}
	}
	return "unknown"
}
