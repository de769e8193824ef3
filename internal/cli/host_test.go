package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// These tests run the program itself, as a user would, on the host that the tests run on.

func TestMain(m *testing.M) {
	sandbox.InitIfAsked()
	os.Exit(m.Run())
}

// program builds netassay and what it starts, side by side, and returns its path.
func program(t *testing.T) string {
	t.Helper()
	if problems := sandbox.Preflight(); len(problems) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no lab can run here: %v", problems)
		}
		t.Skipf("no lab can run here: %v", problems)
	}
	var path string
	for _, name := range []string{"enforcer", "probe", "netassay"} {
		var err error
		if path, err = binaries.Own(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// netassay runs the program to its end.
func netassay(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run netassay %s: %v", strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// hostState is what a run must leave as it was: links, addresses, routes, rules, named
// namespaces and mounts of the host.
func hostState(t *testing.T) map[string]string {
	t.Helper()
	state := map[string]string{}
	for _, command := range []string{
		"ip -o link", "ip -o addr show scope global", "ip route show table all", "ip netns list",
		"iptables-save", "ip6tables-save", "ipset list -n", "cat /proc/self/mounts",
	} {
		argv := strings.Fields(command)
		out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		var kept []string
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "#") { // comments of iptables-save carry the time
				kept = append(kept, line)
			}
		}
		state[command] = strings.Join(kept, "")
	}
	return state
}

// strays are processes that carry a mark in their environment.
func strays(t *testing.T, mark string) []string {
	t.Helper()
	var found []string
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environs {
		text, err := os.ReadFile(path)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), mark) {
			found = append(found, path)
		}
	}
	return found
}

// awaitNoStrays waits until no process carries the mark.
func awaitNoStrays(t *testing.T, mark string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		left := strays(t, mark)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still there: %v", left)
		}
	}
}

// TestEnginesGetTheirVerdicts runs cases of both directions, and of Services, by the reference
// and by both controls; it also shows that the host stays as it was.
func TestEnginesGetTheirVerdicts(t *testing.T) {
	before := hostState(t)
	for _, tc := range []struct {
		engine  string
		code    int
		verdict string
	}{
		{"reference", 0, "pass"},
		{"none", 1, "fail"},
		{"deny-all", 1, "fail"},
	} {
		t.Run(tc.engine, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			code, out, errs := netassay(t, "conformance", "--engine", tc.engine, "--out", dir,
				"--case", "peer-pod-selector,isolation-deny-egress,service-target-port,nodeport-peer", "--deadline", "4s")
			if code != tc.code {
				t.Fatalf("exit code %d, want %d\n%s%s", code, tc.code, out, errs)
			}
			var summary struct {
				Verdict string
				Figures map[string]any
			}
			text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
			if err == nil {
				err = json.Unmarshal(text, &summary)
			}
			if err != nil {
				t.Fatal(err)
			}
			if summary.Verdict != tc.verdict {
				t.Errorf("verdict %q, want %q", summary.Verdict, tc.verdict)
			}
			for _, figure := range []string{
				"cases", "passed", "failed", "inconclusive", "cells", "cells_per_second",
				"lab_ready_seconds", "run_seconds", "convergence_p50_ms", "convergence_p99_ms",
			} {
				if _, ok := summary.Figures[figure]; !ok {
					t.Errorf("summary.json lacks %s", figure)
				}
			}
			for _, file := range []string{"records.jsonl", "junit.xml", "report.txt", "logs/kube-apiserver.log"} {
				if fi, err := os.Stat(filepath.Join(dir, file)); err != nil || fi.Size() == 0 {
					t.Errorf("%s is missing or empty", file)
				}
			}
		})
	}
	if diff := cmp.Diff(before, hostState(t)); diff != "" {
		t.Errorf("the host has changed (-before +after):\n%s", diff)
	}
}

func TestVerify(t *testing.T) {
	for engine, want := range map[string]int{"reference": 0, "none": 1} {
		t.Run(engine, func(t *testing.T) {
			code, out, errs := netassay(t, "verify", "--engine", engine, "--timeout", "8s", "--out", t.TempDir())
			if code != want {
				t.Errorf("exit code %d, want %d\n%s%s", code, want, out, errs)
			}
		})
	}
}

// TestStopped stops a run in its midst, gently and not: nothing of it is left but its results,
// from which another run goes on.
func TestStopped(t *testing.T) {
	for _, tc := range []struct {
		signal syscall.Signal
		code   int
	}{
		{syscall.SIGINT, 130},
		{syscall.SIGTERM, 130},
		{syscall.SIGKILL, -1},
	} {
		t.Run(tc.signal.String(), func(t *testing.T) {
			before := hostState(t)
			dir := filepath.Join(t.TempDir(), "out")
			mark := "NETASSAY_TEST_MARK=" + dir
			cmd := exec.CommandContext(t.Context(), program(t), "conformance", "--out", dir, "--case", "isolation-*", "--skip", "isolation-none=issue 1")
			cmd.Env = append(os.Environ(), mark)
			var errs seen
			cmd.Stderr = &errs
			errs.want, errs.found = " 2/", make(chan struct{}) // of a killed run the last case doesn't count
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				_ = cmd.Wait() // the exit code is looked at below
				close(ended)
			}()
			select {
			case <-errs.found:
			case <-ended:
				t.Fatalf("ended before a case had: %v\n%s", cmd.ProcessState, errs.text.String())
			case <-time.After(2 * time.Minute):
				_ = cmd.Process.Kill()
				t.Fatalf("no case ended:\n%s", errs.text.String())
			}
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			<-ended
			if code := cmd.ProcessState.ExitCode(); code != tc.code {
				t.Errorf("exit code %d, want %d:\n%s", code, tc.code, errs.text.String())
			}
			awaitNoStrays(t, mark)
			if diff := cmp.Diff(before, hostState(t)); diff != "" {
				t.Errorf("the host has changed (-before +after):\n%s", diff)
			}
			if tc.signal != syscall.SIGKILL {
				wantUnfinished(t, dir)
			} else {
				wantPage(t, dir)
			}
			if tc.signal != syscall.SIGINT {
				wantResumed(t, dir)
			}
		})
	}
}

// wantUnfinished: an interrupted run keeps what it found and is never green.
func wantUnfinished(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var summary struct {
		Verdict string
		Figures struct{ Unfinished, Passed int }
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		t.Fatal(err)
	}
	if summary.Verdict == "pass" || summary.Figures.Unfinished == 0 || summary.Figures.Passed == 0 {
		t.Errorf("summary %+v, want some passed, some unfinished, and no pass", summary)
	}
}

// wantPage: a run that was killed has a page that says so, and netassay report page one that shows
// all that was judged.
func wantPage(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadFile(filepath.Join(dir, reports.PageFile))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, reports.PageFile)
	if said, err := exec.CommandContext(t.Context(), program(t), "report", "page", dir).CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != path {
		t.Fatalf("report page: %v\n%s", err, said)
	}
	again, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">unfinished</span>", "Unfinished: the run goes on, or was killed", "</html>"} {
		if !bytes.Contains(left, []byte(want)) || !bytes.Contains(again, []byte(want)) {
			t.Errorf("the page that is left or that of report page lacks %q", want)
		}
	}
	if passed := regexp.MustCompile(`>([1-9]\d*) of \d+<`).Find(again); passed == nil {
		t.Error("report page shows no case that passed")
	}
}

// wantResumed goes on with the run in dir and wants of it what a run without a break gives.
func wantResumed(t *testing.T, dir string) {
	t.Helper()
	before, err := reports.ReadUnfinished(dir)
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again")
	if code, out, errs := netassay(t, "conformance", "--resume", dir, "--out", again); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	var run v1.Run
	if whole, err := reports.Read(again, &run); err != nil || !whole {
		t.Fatalf("whole %v, error %v", whole, err)
	}
	if diff := cmp.Diff(before.Order, run.Order); diff != "" {
		t.Errorf("order (-before +resumed):\n%s", diff)
	}
	if run.Count(v1.Pass) != len(run.Order) || run.Count(v1.Skipped) != 1 || len(run.Cases) != len(run.Order)+1 {
		t.Errorf("of %d cases to be played and one to be skipped, %d passed and %d were skipped", len(run.Order), run.Count(v1.Pass), run.Count(v1.Skipped))
	}
	if len(run.Resumed) != 1 || run.Resumed[0].ID != before.ID || run.Resumed[0].Cases == 0 {
		t.Errorf("resumed %+v, want cases of run %s", run.Resumed, before.ID)
	}
	if code, _, errs := netassay(t, "conformance", "--resume", again); code != 2 || !strings.Contains(errs, "came to its end") {
		t.Errorf("a whole run was resumed: exit code %d\n%s", code, errs)
	}
}

// seen is a writer that closes found when want has been written.
type seen struct {
	text  bytes.Buffer
	want  string
	found chan struct{}
	done  bool
}

func (s *seen) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if !s.done && strings.Contains(s.text.String(), s.want) {
		s.done = true
		close(s.found)
	}
	return n, err
}
