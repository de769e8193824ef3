package flock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lockPoll is how often a waiting process looks whether a lock is free. flock can't wait
// with a deadline, and a poll also notices that the work is done before the lock is free.
const lockPoll = 200 * time.Millisecond

// A Lock is an exclusive flock. The kernel frees it when its holder dies.
type Lock struct {
	file *os.File
}

// Acquire takes the lock at path. While another process holds it, Acquire polls; it calls
// waiting once, with the holder's name, and gives up with a nil lock and no error as soon
// as done says that there is nothing left to do. done may be nil.
func Acquire(ctx context.Context, path string, done func() bool, waiting func(holder string)) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w: set NETASSAY_CACHE to a directory that can be written", err)
	}
	for first := true; ; first = false {
		err := try(f, exclusive)
		if err == nil {
			return hold(f), nil
		}
		if !errors.Is(err, ErrHeld) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if first {
			waiting(holder(f))
		}
		if done != nil && done() {
			return nil, f.Close()
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for %s: %w", path, ctx.Err()), f.Close())
		case <-time.After(lockPoll):
		}
	}
}

// Once does work alone among all processes that lock path, whose directory it makes, unless
// it is done: that is asked before, while another process works, and under the lock.
// waiting is as for Acquire.
func Once(ctx context.Context, path string, done func() bool, waiting func(holder string), work func() error) error {
	if done() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make cache directory: %w: set NETASSAY_CACHE to a directory that can be written", err)
	}
	l, err := Acquire(ctx, path, done, waiting)
	if err != nil || l == nil {
		return err
	}
	defer l.Release()
	if done() {
		return nil
	}
	return work()
}

// hold writes into the locked file who holds it, for the messages of those who wait.
func hold(f *os.File) *Lock {
	if f.Truncate(0) == nil {
		fmt.Fprintf(f, "process %d", os.Getpid()) // a nicety: the lock is the flock, not the text
	}
	return &Lock{file: f}
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 64))
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

// Release frees the lock. The file stays: removing it would let two processes hold a lock
// of the same name.
func (l *Lock) Release() {
	_ = l.file.Close()
}

// ErrHeld is the error for a lock that another process has.
var ErrHeld = errors.New("locked")

// Take takes the lock at path at once; the error is ErrHeld when another process has it. It
// is held as long as the file is open, here or in a process that has inherited it.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = try(f, exclusive); err == nil {
		return f, nil
	}
	f.Close()
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
	return errors.Is(try(f, shared), ErrHeld), nil
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
