//go:build !linux

package nodeimage

import (
	"context"
	"errors"

	"github.com/netassay/netassay/clusters/binaries"
)

// preload needs containerd, and a mount namespace for it.
func preload(context.Context, string, string, binaries.Set, []string) error {
	return errors.New("node images are built on Linux only: build it there, or name one by --node-image")
}
