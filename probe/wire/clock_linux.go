package wire

import (
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// clockMonotonic is CLOCK_MONOTONIC of clock_gettime(2).
const clockMonotonic = 1

func rawMonotonic() time.Duration {
	var ts syscall.Timespec
	// The call can't fail: the clock exists on every Linux and the pointer is good.
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

// ClockID names the clock that Now reads: the boot of the kernel and the time namespace.
// "" when that can't be known.
func ClockID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ns, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		ns = "none" // kernels before 5.6 have no time namespaces
	}
	return strings.TrimSpace(string(boot)) + " " + ns
}
