package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
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
	conformance.Run
	suite   *Suite
	ctx     context.Context
	session session
	out     string
}

// begin brings everything up. What it brings up goes down when the test ends, however it
// ends: panics and FailNow of features reach the Cleanup of the test above them.
func (s *Suite) begin(ctx context.Context, t *testing.T, chosen []cases.Case) (*run, error) {
	t.Helper()
	bed := s.settings.bed
	r := &run{suite: s, ctx: ctx, Run: conformance.Run{Say: func(line string) { t.Log(line) }}}
	if err := r.claim(time.Now()); err != nil {
		return nil, err
	}
	up, err := testbed.Up(ctx, bed, testbed.Log{Dir: filepath.Join(r.out, "logs"), Say: r.Say})
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", bed.Provider, err)
	}
	t.Cleanup(func() {
		t.Helper()
		if err := up.Down(ctx, t.Failed() && ctx.Err() == nil); err != nil {
			t.Errorf("take down what provider %s brought up: %v", bed.Provider, err)
		}
	})
	alive, stop := up.Alive(ctx)
	t.Cleanup(stop)
	r.ctx, r.Bed = alive, up
	if err := r.openSession(t, chosen); err != nil {
		return nil, err
	}
	return r, r.session.Start(r.ctx)
}

func (r *run) openSession(t *testing.T, chosen []cases.Case) error {
	t.Helper()
	before, err := r.suite.settings.run.Unfinished()
	if err != nil {
		return err
	}
	cfg := r.Config(r.suite.settings.run, chosen, before, tool())
	if err := r.Fit(r.ctx, cfg); err != nil {
		return err
	}
	if err := r.Record(r.out, &cfg); err != nil {
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
	r.session = opened
	t.Logf("seed %d", cfg.Seed)
	t.Cleanup(func() {
		t.Helper()
		defer free()
		r.finish(t)
	})
	return nil
}

// openRunner opens a session of the runner.
func openRunner(cfg runner.Config) (session, func(), error) {
	free, err := conformance.Connect(&cfg)
	if err != nil {
		return nil, nil, err
	}
	s, err := runner.Open(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, free())
	}
	return s, func() { _ = free() }, nil
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
	case r.suite.settings.run.FailFast && t.Failed():
		r.session.Skip("fail-fast: an earlier case did not pass")
	default:
		r.session.Forget() // what go test's own -run and -skip left out
	}
	report := r.session.Close(r.ctx)
	if err := r.Write(report); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %d cases, %d passed, %d failed; results: %s", report.Verdict(), len(report.Cases),
		report.Count(v1.Pass), report.Count(v1.Fail), r.out)
	r.suite.finished(t, report)
}

// claim makes the result directory. The second run of a program, by -count or another test,
// has one of its own.
func (r *run) claim(began time.Time) error {
	set := r.suite.settings
	if r.out = set.run.Out; r.out == "" {
		r.out = reports.Fresh(began, "conformance-"+set.bed.Label())
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
