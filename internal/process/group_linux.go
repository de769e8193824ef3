package process

import (
	"os/exec"
	"syscall"
)

// Separate gives a command a process group of its own, before it starts: a terminal's Ctrl-C is
// then for us alone.
func Separate(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// bind has a separate command killed when the thread that starts it ends.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL }

// SignalGroup signals a separate command that was started, and all of its group.
func SignalGroup(cmd *exec.Cmd, sig syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, sig) }
