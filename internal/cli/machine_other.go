//go:build !linux

package cli

import "runtime"

// kernelRelease is the name of the system, where nothing is measured.
func kernelRelease() string { return runtime.GOOS }

// hostMemory is in bytes; 0 where it is not known.
func hostMemory() int64 { return 0 }
