package chaos

import "syscall"

// What stops a process for a while.
const (
	sigStop     = syscall.SIGSTOP
	sigContinue = syscall.SIGCONT
)

func signal(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }
