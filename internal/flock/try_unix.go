//go:build unix

package flock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// The two ways of holding a lock.
const (
	exclusive = unix.LOCK_EX
	shared    = unix.LOCK_SH
)

// try takes the lock of an open file at once; the error is ErrHeld when it can't be had now.
func try(f *os.File, how int) error {
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return ErrHeld
	}
	return err
}
