package kernel_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/internal/sandbox"
)

// pidFile tells this test's second process that it is the agent, and where its tool leaves
// its process id.
const pidFile = "NETASSAY_TEST_TOOL_PID"

// TestToolDiesWithAgent: a tool that outlived an agent that was killed would write an old
// state over what the next agent writes.
func TestToolDiesWithAgent(t *testing.T) {
	sandbox.Require(t)
	if path := os.Getenv(pidFile); path != "" {
		_, err := kernel.Exec{}.Run(context.Background(), kernel.Command{
			Argv: []string{"sh", "-c", `echo $$ > "$0.part" && mv "$0.part" "$0" && exec sleep 60`, path},
		})
		t.Fatalf("the tool ended before its agent: %v", err)
	}
	path := filepath.Join(t.TempDir(), "pid")
	agent := exec.Command(os.Args[0], "-test.run=^TestToolDiesWithAgent$")
	agent.Env = append(os.Environ(), pidFile+"="+path)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	var tool string
	poll(t, "the tool to start", func() bool {
		text, err := os.ReadFile(path)
		tool = strings.TrimSpace(string(text))
		return err == nil
	})
	if ended(t, tool) {
		t.Fatal("the tool ended while its agent was alive")
	}
	if err := agent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // killed
	poll(t, "the tool to end", func() bool { return ended(t, tool) })
}

// ended reports whether a process is gone, or waits to be reaped.
func ended(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
