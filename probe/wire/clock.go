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

// epoch ties the runtime's monotonic clock, which is cheap to read but counts from the
// start of the process, to CLOCK_MONOTONIC, which it is read from.
var epoch = tie()

// reading is both clocks at one instant.
type reading struct {
	start time.Time
	mono  time.Duration
}

func tie() (e reading) {
	// The tightest of several readings: a context switch between the two clocks would
	// be an error for the life of the process.
	best := time.Duration(1<<63 - 1)
	for range 16 {
		before := time.Now()
		mono := rawMonotonic()
		if took := time.Since(before); took < best {
			best, e.start, e.mono = took, before, mono-took/2
		}
	}
	return e
}

// Now is CLOCK_MONOTONIC.
func Now() time.Duration { return epoch.mono + time.Since(epoch.start) }

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
