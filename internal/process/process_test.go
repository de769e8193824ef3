package process_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/clusters/lab/process"
)

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
