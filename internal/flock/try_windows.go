package flock

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// The two ways of holding a lock.
const (
	exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK
	shared    = 0
)

// try takes the lock of an open file at once; the error is ErrHeld when it can't be had now. What
// is locked is the last byte that a file could have: here, others can't read a byte that is locked,
// and they read the first ones, which say who holds it.
func try(f *os.File, how uint32) error {
	at := windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrHeld
	}
	return err
}
