//go:build !linux

package chaos

import (
	"errors"
	"syscall"
)

// What stops a process for a while on Linux, where chaos is.
const (
	sigStop     = syscall.Signal(19)
	sigContinue = syscall.Signal(18)
)

func signal(int, syscall.Signal) error { return errors.New("chaos is made on Linux only") }
