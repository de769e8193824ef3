package wire

import (
	"time"
)

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

// Now is CLOCK_MONOTONIC, and on other systems than Linux the time since the process began.
func Now() time.Duration { return epoch.mono + time.Since(epoch.start) }
