//go:build !linux

package wire

import "time"

// began is when this process did.
var began = time.Now()

// rawMonotonic is a clock of this process alone: readings of two processes can't be compared, so
// that ClockID names none.
func rawMonotonic() time.Duration { return time.Since(began) }

// ClockID is "": the clock that Now reads is nobody else's.
func ClockID() string { return "" }
