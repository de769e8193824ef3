package flock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrHeld is the error for a lock that another process has.
var ErrHeld = errors.New("locked")

// Take takes the lock at path at once; the error is ErrHeld when another process has it. It
// is held as long as the file is open, here or in a process that has inherited it.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrHeld
	}
	return nil, err
}

// Held reports whether a process has the lock at path. The error is that of opening it.
func Held(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	// A shared lock, so that two commands that look don't see each other.
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK), nil
}

// StateDir is the directory for what outlives a command of this user and is of that name:
// below XDG_STATE_HOME, else ~/.local/state.
func StateDir(name string) (string, error) {
	root := os.Getenv("XDG_STATE_HOME")
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find state directory: %w: set XDG_STATE_HOME", err)
		}
		root = filepath.Join(home, ".local", "state")
	}
	abs, err := filepath.Abs(filepath.Join(root, "netassay", name))
	if err != nil {
		return "", fmt.Errorf("find state directory: %w", err)
	}
	return abs, nil
}
