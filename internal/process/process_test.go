package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/process"
)

// parentVar makes the test binary be a parent with a bound process, which it prints.
const parentVar = "NETASSAY_TEST_PARENT"

func TestMain(m *testing.M) {
	dir := os.Getenv(parentVar)
	if dir == "" {
		os.Exit(m.Run())
	}
	p, err := process.NewGroup(dir).Start(process.Spec{Name: "bound", Argv: []string{"sleep", "1000"}, Bound: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	select {}
}

// A bound process dies with its parent, by a kill too, and no sooner.
func TestBoundDiesWithItsParent(t *testing.T) {
	parent := exec.Command("/proc/self/exe")
	parent.Env = append(os.Environ(), parentVar+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Wait() }()
	defer func() { _ = parent.Process.Kill() }()
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	for range 50 { // threads of the parent come and go meanwhile
		runtime.Gosched()
		if dead(pid) {
			t.Fatal("the process died before its parent")
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !dead(pid) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the process lives 20s longer than its parent")
		}
	}
}

// dead reports whether a process is gone, or waits for nobody to ask how it ended.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

func start(t *testing.T, g *process.Group, spec process.Spec) *process.Process {
	t.Helper()
	p, err := g.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing for 20s", what)
	}
}

func TestDeathIsReportedWithTheEndOfTheLog(t *testing.T) {
	g := process.NewGroup(t.TempDir())
	start(t, g, process.Spec{Name: "doomed", Argv: []string{"sh", "-c", "echo out of luck; exit 7"}})
	select {
	case err := <-g.Died():
		for _, want := range []string{"doomed died", "exit status 7", "out of luck"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no report for 20s")
	}
}

func TestKillIsNoDeath(t *testing.T) {
	g := process.NewGroup(t.TempDir())
	a := start(t, g, process.Spec{Name: "a", Argv: []string{"sleep", "1000"}})
	b := start(t, g, process.Spec{Name: "b", Argv: []string{"sleep", "1000"}})
	killed := start(t, g, process.Spec{Name: "killed", Argv: []string{"sleep", "1000"}})
	if err := killed.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	within(t, "kill", killed.Done())
	g.Kill()
	within(t, "a", a.Done())
	within(t, "b", b.Done())
	select {
	case err := <-g.Died():
		t.Errorf("reported a death: %v", err)
	default:
	}
	if err := a.Signal(os.Interrupt); err == nil {
		t.Error("signal to an ended process: want an error")
	}
}

func TestRunQuotesOutput(t *testing.T) {
	here := func(fn func() error) error { return fn() }
	if err := process.Run(context.Background(), process.Command{Do: here, Stdin: "hello", Argv: []string{"grep", "-q", "hello"}}); err != nil {
		t.Error(err)
	}
	err := process.Run(context.Background(), process.Command{Do: here, Argv: []string{"sh", "-c", "echo no such rule; exit 2"}})
	if err == nil || !strings.Contains(err.Error(), "no such rule") {
		t.Errorf("got %v, want the output", err)
	}
}

// What a command wrote is there when it failed too, and its children end with its context.
func TestOutput(t *testing.T) {
	out, err := process.Output(process.Grouped(t.Context(), "sh", "-c", "echo text; exit 3"))
	if err == nil || string(out) != "text\n" {
		t.Errorf("got %q and %v, want text and an error", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := process.Grouped(ctx, "sh", "-c", "sleep 1000 & echo $!; wait")
	r, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended, err := process.Begin(cmd)
	if err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(r, &child); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a killed command ended well")
	}
	for late := time.After(20 * time.Second); !dead(child); {
		select {
		case <-late:
			t.Fatal("the child lives 20s longer than its parent")
		default:
			runtime.Gosched()
		}
	}
}
