// Command make makes what the Makefile can't by the go command alone:
//
//	go run ./hack/make image PROGRAM VERSION ARCHIVE ROOT
//	go run ./hack/make netassay-image VERSION LDFLAGS DIRECTORY [ARCHITECTURE...]
//	go run ./hack/make sonobuoy-image DIRECTORY
//	go run ./hack/make kubernetes DIRECTORY
//	go run ./hack/make node-image
//
// image builds the enforcer's image from the program and this Debian machine's iptables and
// ipset: ARCHIVE is for docker load, ctr image import and kind load image-archive; ROOT is the
// plain root filesystem, for docker import. netassay-image builds this program and the prober for
// each architecture (amd64 and arm64), and of them the image by which experiments run in clusters:
// an archive for each, and an OCI layout of all. sonobuoy-image builds Sonobuoy's program from the
// module hack/sonobuoy, and of it the image of aggregator and workers. kubernetes finds or builds the
// Kubernetes programs that tests and labs run, and links them into one directory, for tests that
// look for them there by KUBEBUILDER_ASSETS. node-image makes sure that Docker has the node image
// of the clusters that kind starts, and says its name.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/nodeimage"
	"github.com/netassay/netassay/internal/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hack/make:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 5 && args[0] == "image":
		return enforcerImage(ctx, args[1], args[2], args[3], args[4])
	case len(args) >= 4 && args[0] == "netassay-image":
		return netassayImage(ctx, args[1], args[2], args[3], args[4:])
	case len(args) == 2 && args[0] == "sonobuoy-image":
		return sonobuoyImage(ctx, args[1])
	case len(args) == 2 && args[0] == "kubernetes":
		return kubernetes(ctx, args[1])
	case len(args) == 1 && args[0] == "node-image":
		return nodeImage(ctx)
	}
	return errors.New("give image PROGRAM VERSION ARCHIVE ROOT, or netassay-image VERSION LDFLAGS DIRECTORY [ARCHITECTURE...], or sonobuoy-image DIRECTORY, or kubernetes DIRECTORY, or node-image")
}

func enforcerImage(ctx context.Context, program, version, archive, root string) error {
	const name = "netassay/enforcer"
	o := image.Options{
		Program: program, Path: "/enforcer", Packages: image.EnforcerPackages(),
		Refs: []string{image.Ref(name, version), name + ":latest"}, Archive: archive, Root: root,
	}
	if err := image.Build(ctx, o); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", o.Archive, o.Refs[0])
	return nil
}

func nodeImage(ctx context.Context) error {
	img, err := nodeimage.Ensure(ctx, nodeimage.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	for _, p := range img.Parts {
		fmt.Fprintf(os.Stderr, "%8.1f s  %s\n", p.Seconds, p.Name)
	}
	fmt.Fprintf(os.Stderr, "%8.1f s  in all\n", img.Seconds)
	fmt.Println(img.Ref)
	return nil
}

func kubernetes(ctx context.Context, dir string) error {
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
