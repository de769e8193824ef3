//go:build !linux

package sandbox

import (
	"errors"
	"os"
	"runtime"
)

// There are no sandboxes on other systems. Preflight says so to whoever wants a lab; what is below
// it answers as if none had ever been entered.

func elsewhere() Problem {
	return Problem{
		What: "the lab needs Linux, and this is " + runtime.GOOS,
		Cure: "run netassay in a Linux machine or virtual machine, or against a cluster by --provider existing",
	}
}

var errElsewhere = errors.New(elsewhere().String())

// Preflight is the one problem that there is no cure for here.
func Preflight() []Problem { return []Problem{elsewhere()} }

// InitIfAsked is never asked.
func InitIfAsked() {}

// Inside is false.
func Inside() bool { return false }

// Enter fails.
func Enter(Options) (exitCode int, err error) { return 0, errElsewhere }

// Detach fails.
func Detach(Options, *os.File) (pid int, err error) { return 0, errElsewhere }

// ExtraFiles are none.
func ExtraFiles() []*os.File { return nil }

// NetNS is never made.
type NetNS struct{}

// OpenNetNS fails.
func OpenNetNS(string) (*NetNS, error) { return nil, errElsewhere }

// Do fails.
func (*NetNS) Do(func() error) error { return errElsewhere }

// Close has nothing to do.
func (*NetNS) Close() error { return nil }
