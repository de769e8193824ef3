//go:build !linux

package agent

import (
	"fmt"
	"io"
	"runtime"
)

// Main is the program where it can't probe: what packets did it learns by epoll, raw sockets and
// the kernel's clocks, all of them Linux's. It returns 1.
func Main(_ []string, _ io.Reader, _, errs io.Writer) int {
	fmt.Fprintf(errs, "probe: the prober needs Linux, and this is %s\n", runtime.GOOS)
	return 1
}
