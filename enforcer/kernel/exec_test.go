package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/kernel"
)

func TestExecFeedsAndReads(t *testing.T) {
	out, err := kernel.Exec{}.Run(context.Background(), kernel.Command{
		Argv:  []string{"sh", "-c", "wc -c"},
		Stdin: func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat("x", 1_000_000)); return err },
	})
	if err != nil || strings.TrimSpace(string(out)) != "1000000" {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestExecFailure: the error carries the tool's own words, not the broken pipe that is
// their consequence.
func TestExecFailure(t *testing.T) {
	_, err := kernel.Exec{}.Run(context.Background(), kernel.Command{
		Argv: []string{"sh", "-c", "read line; echo out; echo it went wrong >&2; exit 3"},
		Stdin: func(w io.Writer) error {
			for i := range 100_000 {
				if _, err := fmt.Fprintln(w, "line", i); err != nil {
					return err
				}
			}
			return nil
		},
	})
	var run *kernel.RunError
	if !errors.As(err, &run) {
		t.Fatalf("got %v, want a RunError", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || run.Stdout != "out\n" || run.Stderr != "it went wrong\n" {
		t.Errorf("got %+v", run)
	}
	if !strings.HasPrefix(run.Stdin, "line 0\nline 1\n") || len(run.Stdin) > 2000 {
		t.Errorf("head of the input: %d bytes", len(run.Stdin))
	}
	if got := err.Error(); !strings.HasSuffix(got, "exit status 3: it went wrong") {
		t.Errorf("error is %q", got)
	}
}

func TestExecTimeout(t *testing.T) {
	start := time.Now()
	_, err := kernel.Exec{Timeout: 50 * time.Millisecond}.Run(context.Background(), kernel.Command{Argv: []string{"sleep", "1000"}})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestExecNoSuchTool(t *testing.T) {
	_, err := kernel.Exec{}.Run(context.Background(), kernel.Command{Argv: []string{"no-such-tool"}, Stdin: func(io.Writer) error { return nil }})
	if !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
