package process

import (
	"bytes"
	"context"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// killGrace is how long the processes of a killed command may take to end.
const killGrace = 5 * time.Second

// Grouped is a command in a process group of its own, which is killed as one when ctx ends.
// Begin or Output starts it; the program itself is killed when this process dies.
func Grouped(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	Separate(cmd)
	bind(cmd)
	cmd.Cancel = func() error { return SignalGroup(cmd, syscall.SIGKILL) }
	cmd.WaitDelay = killGrace
	return cmd
}

// Begin starts a command and hands over, once, how it ended.
func Begin(cmd *exec.Cmd) (ended chan error, err error) { return bound(cmd.Start, cmd.Wait) }

// Output runs a command to its end and returns what it wrote to its standard output, also
// when it failed.
func Output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	ended, err := Begin(cmd)
	if err == nil {
		err = <-ended
	}
	return out.Bytes(), err
}

// bound starts something and hands over how it ended. The kernel kills what has a Pdeathsig
// when the thread that started it ends, so one is kept for it until wait returns.
func bound(start, wait func() error) (ended chan error, err error) {
	started := make(chan error, 1)
	ended = make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := start()
		started <- err
		if err == nil {
			ended <- wait()
		}
	}()
	return ended, <-started
}
