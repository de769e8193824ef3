//go:build !linux

package cilium

import "errors"

// mountBPF is never asked here, where there is no node to start an agent on.
func mountBPF(string) error { return errors.New("BPF file systems are of Linux") }
