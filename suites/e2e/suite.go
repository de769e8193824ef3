package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/env"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/testbed"
)

// Suite is the conformance suite in one test binary. The zero value is ready for use; it
// is a variable of the test package, whose TestMain calls Main and one of whose tests
// calls Test.
type Suite struct {
	// Engine is what is under test, unless -engine names another. When nil, and without
	// -engine, it is the reference enforcer or, on a cluster that exists already, whatever
	// enforces there.
	Engine engines.Engine
	// Providers are known beside lab, kind and existing, by the names that -provider
	// takes.
	Providers map[string]testbed.Provider

	settings  *settings
	framework env.Environment
	open      opener // of sessions; the runner's when nil

	mu    sync.Mutex
	tests int // calls of Test that ran cases
	code  int // the worst exit code of their verdicts
}

// The exit codes that say more than that a test failed, as those of the command line.
const (
	exitBroken      = 2
	exitInterrupted = 130
)

// Main runs the tests of a package that has a suite, and ends the program. It reads the
// flags, and with -provider lab enters a sandbox before any test runs.
func (s *Suite) Main(m *testing.M) {
	sandbox.InitIfAsked()
	os.Exit(s.main(m))
}

func (s *Suite) main(m *testing.M) int {
	set, err := s.parse()
	if err != nil {
		return broken(err)
	}
	s.settings, s.framework = set, env.NewWithConfig(set.framework)
	if set.bed.Provider != "" && !set.framework.DryRunMode() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		code, entered, err := testbed.Enter(ctx, set.bed, os.Stderr)
		stop()
		switch {
		case err != nil:
			return broken(err)
		case entered:
			return code
		}
	}
	return s.exitCode(s.framework.Run(m))
}

// broken says, a line for each error, why nothing was run.
func broken(err error) int {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(os.Stderr, "suite: %s\n", line)
	}
	return exitBroken
}

// exitCode says more than 1 when more is known. Without a failed test it is 0.
func (s *Suite) exitCode(code int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == 0 {
		return 0
	}
	return max(code, s.code)
}

// note keeps the worst of the exit codes of this program's runs.
func (s *Suite) note(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = max(s.code, code)
}

// Test plays the cases that the flags select and fails when one of them does. Without
// -provider it says so and is skipped; with --dry-run it lists what would be played.
func (s *Suite) Test(t *testing.T) {
	t.Helper()
	if s.settings == nil {
		t.Fatal("the suite has no settings: call its Main in TestMain")
	}
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := s.choose(&all)
	switch {
	case err != nil:
		s.note(exitBroken)
		t.Fatal(err)
	case s.settings.framework.DryRunMode():
		t.Logf("%d of %d cases would be played", len(chosen), len(all))
		s.framework.TestInParallel(t, featuresOf(all, nil)...)
	case s.settings.bed.Provider == "":
		t.Skip("no case was played: say where, with -args -provider lab, kind or existing")
	default:
		s.play(t, all, chosen)
	}
}

// choose narrows all to the cases of this shard, and gives those of them that are to be played.
func (s *Suite) choose(all *[]cases.Case) (chosen []cases.Case, err error) {
	if err := s.settings.run.Skip.Check(*all); err != nil {
		return nil, err
	}
	if *all, err = s.settings.run.Shard.Of(*all); err != nil {
		return nil, err
	}
	return choose(*all, s.settings.framework)
}

// play hands all cases to the framework, which skips those that are not chosen.
func (s *Suite) play(t *testing.T, all, chosen []cases.Case) {
	t.Helper()
	ctx := s.lifetime(t)
	r, err := s.begin(ctx, t, chosen)
	if err != nil {
		s.note(exitBroken)
		t.Fatal(cause(ctx, err))
	}
	s.framework.TestInParallel(t, featuresOf(inOrder(all, r.session.Order()), r)...)
}

// finished notes what a run said.
func (s *Suite) finished(t *testing.T, run *v1.Run) {
	t.Helper()
	code := v1.ExitCode(run.Verdict())
	s.note(code)
	if n := run.Sentinel; n != nil && n.Outcome != v1.Pass {
		t.Errorf("sentinels: %s: %s", n.Outcome, n.Reason)
	}
	if code != 0 && !t.Failed() {
		t.Errorf("verdict %s: of %d cases, %d passed", run.Verdict(), len(run.Cases), run.Count(v1.Pass))
	}
}
