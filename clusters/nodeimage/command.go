package nodeimage

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// killGrace is how long the processes of a killed command may take to end.
const killGrace = 5 * time.Second

// run runs a command to its end, with all its children killed when ctx ends, and returns
// what it wrote to its standard output. The error has the end of what it said.
func run(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := command(ctx, argv...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	ended, err := begin(cmd)
	if err == nil {
		err = <-ended
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("run %s: %w", argv[0], ctx.Err())
		}
		return nil, fmt.Errorf("run %s: %w: %s", argv[0], err, tail(said.String()+"\n"+out.String()))
	}
	return out.Bytes(), nil
}

// begin starts a command, which is killed when this process dies, and hands over how it
// ended. That signal comes when the thread ends that started it, so one is kept for it.
func begin(cmd *exec.Cmd) (ended chan error, err error) {
	started := make(chan error, 1)
	ended = make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

// command is a command in a process group of its own.
func command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killGrace
	return cmd
}

// tail is the last few lines of a command's output, in one.
func tail(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}
