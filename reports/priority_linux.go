package reports

import "golang.org/x/sys/unix"

// stepBack has the calling thread run after others.
func stepBack(nice int) { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice) }
