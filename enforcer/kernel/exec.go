package kernel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/netassay/netassay/enforcer/render"
)

// Command is one call of a tool. Stdin writes the tool's input as it is consumed, so that
// large batches are never held in memory; nil is an empty input.
type Command struct {
	Argv   []string
	Stdin  func(w io.Writer) error
	Sets   func(render.SetWriter) // what Stdin says to ipset restore, for runners that need no text
	Strict bool                   // a tool that complains has failed, whatever its exit code
}

// Runner is the only way from this package to the world.
type Runner interface {
	// Run runs the command to its end and returns what it printed. A command that
	// could not be started, failed or was cut short gives a *RunError.
	Run(ctx context.Context, c Command) (stdout []byte, err error)
}

// RunError is a failed command with all that is needed to understand it.
type RunError struct {
	Argv   []string
	Stdin  string // the first bytes
	Stdout string
	Stderr string
	Err    error
}

func (e *RunError) Error() string {
	said := firstLine(e.Stderr)
	if said == "" {
		said = firstLine(e.Stdout)
	}
	if said == "" {
		return fmt.Sprintf("run %s: %v", strings.Join(e.Argv, " "), e.Err)
	}
	return fmt.Sprintf("run %s: %v: %s", strings.Join(e.Argv, " "), e.Err, said)
}

func (e *RunError) Unwrap() error { return e.Err }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// Exec runs commands as processes, in the network namespace of the calling thread.
type Exec struct {
	Timeout time.Duration // per command; 0 is commandTimeout
}

// commandTimeout ends a tool that hangs. iptables waits for its lock for lockWait only.
const commandTimeout = 2 * time.Minute

// killDelay is how long a killed command may hold its pipes.
const killDelay = time.Second

// Run implements Runner.
func (e Exec) Run(ctx context.Context, c Command) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(e.Timeout, commandTimeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, killDelay
	// A tool must not outlive the agent: waiting for the xtables lock, it would write what
	// an agent that was killed had wanted over what the next one has written since.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	head := &headWriter{}
	err := e.run(cmd, c.Stdin, head)
	if err == nil && c.Strict && stderr.Len() > 0 {
		err = errors.New("reported errors")
	}
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return nil, &RunError{Argv: c.Argv, Stdin: head.String(), Stdout: stdout.String(), Stderr: stderr.String(), Err: err}
}

// run starts cmd and feeds it. When the tool ends early, its own error is the one worth
// having, not the broken pipe.
func (e Exec) run(cmd *exec.Cmd, stdin func(io.Writer) error, head *headWriter) error {
	if stdin == nil {
		return cmd.Run()
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fed := stdin(io.MultiWriter(head, in))
	if err := in.Close(); fed == nil {
		fed = err
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	if fed != nil {
		return fmt.Errorf("write input: %w", fed)
	}
	return nil
}

// headWriter keeps the first bytes written to it.
type headWriter struct{ bytes.Buffer }

// headLen is how much of a failed command's input its error keeps.
const headLen = 1024

func (h *headWriter) Write(p []byte) (int, error) {
	if room := headLen - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
