// Command kubernetes finds or builds the Kubernetes programs that tests and labs run, and
// links them into one directory, for tests that look for them there by KUBEBUILDER_ASSETS:
//
//	go run ./hack/kubernetes DIRECTORY
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/netassay/netassay/clusters/binaries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/kubernetes DIRECTORY")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "kubernetes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("resolve directory: %w", err)
	}
	set, err := binaries.Ensure(ctx, binaries.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for name, target := range set {
		if err := link(target, filepath.Join(dir, string(name))); err != nil {
			return err
		}
	}
	return nil
}

// link makes path a symbolic link to target, in one step for those who look at it. It
// leaves a path alone that is the target itself: KUBEBUILDER_ASSETS may be the directory.
func link(target, path string) error {
	if target == path {
		return nil
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return nil
}
