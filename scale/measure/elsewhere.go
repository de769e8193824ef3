//go:build !linux

package measure

import "errors"

// What costs are read from is Linux's. No engine runs elsewhere, so that nothing asks for them.

var errElsewhere = errors.New("costs are measured on Linux only")

// Cgroup is never made.
type Cgroup struct{}

// Usage is what a group is charged for.
type Usage struct{ WorkingSet, Kernel int64 }

// NewCgroup fails.
func NewCgroup(string) (*Cgroup, error) { return nil, errElsewhere }

// Wrap is argv.
func (*Cgroup) Wrap(argv []string) []string { return argv }

// Peak fails.
func (*Cgroup) Peak() (int64, error) { return 0, errElsewhere }

// Usage fails.
func (*Cgroup) Usage() (Usage, error) { return Usage{}, errElsewhere }

// Close has nothing to do.
func (*Cgroup) Close() error { return nil }

// Traffic sees nothing.
type Traffic struct{}

// Bytes are payload bytes.
type Bytes struct{ Received, Sent uint64 }

// Observe fails.
func (*Traffic) Observe(func(func() error) error, int, uint16) error { return errElsewhere }

// Total is nothing.
func (*Traffic) Total() (b Bytes, connections int) { return Bytes{}, 0 }

// ReadMemory fails.
func ReadMemory(int) (Memory, error) { return Memory{}, errElsewhere }
