//go:build linux

package sandbox

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Mounting runs fn on a thread with a mount namespace of its own: what fn mounts is seen by fn and
// by the processes that it starts, and goes with the last of them. The thread ends with fn, because
// one that has left the others' mounts shares no working directory with them either.
func Mounting(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("make mount namespace: %w", err)
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return fmt.Errorf("make mounts private: %w", err)
			}
			return fn()
		}()
	}()
	return <-done
}
