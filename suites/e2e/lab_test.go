package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
	v1 "github.com/netassay/netassay/reports/v1"
)

// These tests play on real labs, as users do.

func requireLab(t *testing.T) {
	t.Helper()
	problems := sandbox.Preflight()
	switch {
	case len(problems) == 0:
	case os.Getenv("CI") == "true":
		t.Fatalf("no lab can run here: %v", problems)
	default:
		t.Skipf("no lab can run here: %v", problems)
	}
}

// outcomesOf are the outcomes of all cases and steps of a run.
func outcomesOf(run *v1.Run) map[string]v1.Outcome {
	outcomes := map[string]v1.Outcome{}
	for _, c := range run.Cases {
		outcomes[c.Name] = c.Outcome
		for _, s := range c.Steps {
			outcomes[c.Name+": "+s.Name] = s.Outcome
		}
	}
	return outcomes
}

// One code path: an engine that fails some cases and passes others gets from go test what
// it gets from the command line, to the exit code. A loaded machine's silence is no drop:
// this engine drops nothing, so patience costs nothing.
func TestLabGivesTheOutcomesOfTheCommandLine(t *testing.T) {
	requireLab(t)
	p := perform(t, "lab", "-provider", "lab", "-engine", "none", "--feature", "^(port-range|port-range-just-outside|allow-all)$", "--parallel",
		"-probe-timeout", "3s")
	code := p.end(t)
	got := outcomesOf(p.results(t))

	program, err := binaries.Own(t.Context(), "netassay")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.CommandContext(ctx, program, "conformance", "--engine", "none", "--case", "port-range,port-range-just-outside,allow-all",
		"--probe-timeout", "3s", "--out", out)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if want := cmd.ProcessState.ExitCode(); code != want || code != 1 {
		t.Errorf("exit code %d, of the command line %d, want 1:\n%s\n%s", code, want, p.text, &text)
	}
	if diff := cmp.Diff(outcomesOf(readRun(t, out)), got); diff != "" {
		t.Errorf("outcomes (-command line +go test):\n%s", diff)
	}
	seen := map[v1.Outcome]bool{}
	for _, o := range got {
		seen[o] = true
	}
	if !seen[v1.Fail] {
		t.Errorf("outcomes %v of an engine that enforces nothing", got)
	}
}

// The version of another project's engine is in the report, as on the command line. It takes
// many minutes to build one (make test-peers).
func TestPeerIsReportedWithItsVersion(t *testing.T) {
	if os.Getenv("NETASSAY_TEST_PEERS") == "" {
		t.Skip("NETASSAY_TEST_PEERS is not set: run make test-peers")
	}
	requireLab(t)
	p := perform(t, "lab", "-provider", "lab", "-engine", "kube-router", "-ip-family", "ipv4", "--feature", "^port-number$")
	if code := p.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.text)
	}
	want, err := registry.Lookup("kube-router")
	if err != nil {
		t.Fatal(err)
	}
	if run := p.results(t); run.Engine != want.Name || run.EngineVersion != want.Version || run.Count(v1.Pass) != 1 {
		t.Errorf("the report is of %s %s, want %s %s:\n%s", run.Engine, run.EngineVersion, want.Name, want.Version, p.text)
	}
}

func TestInterruptedLabKeepsResultsAndLeavesNothing(t *testing.T) {
	requireLab(t)
	mark := "NETASSAY_E2E_TEST_MARK=" + t.Name()
	t.Setenv("NETASSAY_E2E_TEST_MARK", t.Name())
	p := perform(t, "lab", "-provider", "lab", "--parallel")
	p.await(t, "pods ready after")
	if len(marked(t, mark)) < 10 {
		t.Errorf("processes of a lab: %v", marked(t, mark))
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != exitInterrupted {
		t.Errorf("exit code %d:\n%s", code, p.text)
	}
	run := p.results(t)
	if len(run.Cases) != len(allNames(t)) || run.Count(v1.Unfinished) == 0 || !strings.Contains(p.text.String(), "the run was stopped: signal: interrupt") {
		t.Errorf("%d cases, %d unfinished:\n%s", len(run.Cases), run.Count(v1.Unfinished), p.text)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for left := marked(t, mark); len(left) > 0; left = marked(t, mark) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("left behind: %v", left)
		}
	}
}

// marked are the other processes that have this in their environment.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(environs, func(path string) bool {
		text, err := os.ReadFile(path)
		return err != nil || !slices.Contains(strings.Split(string(text), "\x00"), mark)
	})
}
