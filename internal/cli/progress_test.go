package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/terminal/terminaltest"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/runner"
)

// A run on a terminal has its live line while it goes on, cut off where the terminal is narrow,
// and at the end there is nothing on the terminal that a file would not have, but for colour.
func TestRunOnTerminal(t *testing.T) {
	const line = "0 cases · "
	for _, columns := range []int{100, 12} {
		screen := terminaltest.Open(t, columns)
		seen := make(chan struct{})
		open := func(model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
			<-seen
			return func(model.Flow) (model.Verdict, error) { return model.Allow, nil }, nil
		}
		args := []string{"fuzz", "--against", "paper", "--seed", "3", "--steps", "3", "--shrink-time", "0s", "--out", filepath.Join(t.TempDir(), "out")}
		code := make(chan int)
		go func() { code <- Main(t.Context(), args, IO{Out: screen.File, Err: screen.File, Paper: open}) }()
		screen.Await(func(lines []string) bool { return len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], line) })
		close(seen)
		if got := <-code; got != exitFail {
			t.Errorf("%d columns: exit code %d", columns, got)
		}
		all := strings.Join(screen.End(), "")
		if strings.Contains(all, " · ") || !strings.Contains(all, "seed 3") || !strings.Contains(all, "results: ") {
			t.Errorf("%d columns: left on the terminal:\n%s", columns, all)
		}
	}
}

// A case that passes is counted on a terminal, and has its line elsewhere.
func TestNarrator(t *testing.T) {
	events := []runner.Event{
		{Kind: runner.RunStarted, Total: 12},
		{Kind: runner.CaseEnded, N: 1, Total: 12, Case: "a", Result: &v1.Case{Outcome: v1.Pass, Seconds: 1}},
		{Kind: runner.CaseEnded, N: 2, Total: 12, Case: "b", Result: &v1.Case{Outcome: v1.Inconclusive, Seconds: 2}},
	}
	var pipe bytes.Buffer
	screen := terminaltest.Open(t, 80)
	plain, live := newNarrator(IO{Err: &pipe}, "page"), newNarrator(IO{Err: screen.File}, "page")
	for _, e := range events {
		plain.tell(e)
		live.tell(e)
	}
	if diff := cmp.Diff("running 12 cases\n[ 1/12] Pass         a (1.0 s)\n[ 2/12] Inconclusive b (2.0 s)\n", pipe.String()); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"running 12 cases", "[ 2/12] Inconclusive b (2.0 s)"}, screen.End()); diff != "" {
		t.Errorf("on a terminal (-want +got):\n%s", diff)
	}
	if !strings.Contains(screen.Raw(), "\x1b[33mInconclusive\x1b[0m b") {
		t.Errorf("without colour: %q", screen.Raw())
	}
}

// Why a case failed is told at once, of the first ones.
func TestNarratorTellsWhy(t *testing.T) {
	var pipe bytes.Buffer
	n := newNarrator(IO{Err: &pipe}, "the page")
	failed := &v1.Case{Outcome: v1.Fail, Title: "a title", Steps: []v1.Step{{Name: "one", Outcome: v1.Fail, Reason: "it leaks"}}}
	for i := range mostFailed + 5 {
		n.tell(runner.Event{Kind: runner.CaseEnded, N: i + 1, Total: 99, Case: "a", Result: failed})
	}
	if got := strings.Count(pipe.String(), "  step \"one\": it leaks\n"); got != mostFailed {
		t.Errorf("told why of %d cases, want %d", got, mostFailed)
	}
	if got := strings.Count(pipe.String(), "told at the end, and in the page\n"); got != 1 {
		t.Errorf("told %d times where the others are:\n%s", got, &pipe)
	}
	if got := strings.Count(pipe.String(), "Fail         a (0.0 s)\n"); got != mostFailed+5 {
		t.Errorf("%d lines of cases, want %d", got, mostFailed+5)
	}
}
