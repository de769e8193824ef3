//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

// Separate leaves a command as it is: process groups, and what becomes of children, are different
// on each other system, and what is run there is docker and the go command at most.
func Separate(*exec.Cmd) {}

func bind(*exec.Cmd) {}

// SignalGroup kills the command, whatever the signal: there is no other here that each can get.
func SignalGroup(cmd *exec.Cmd, _ syscall.Signal) error { return cmd.Process.Kill() }
