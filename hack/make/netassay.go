package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/netassay/netassay/internal/image"
)

// netassayImage builds the image that runs in clusters, for each architecture, into dir.
func netassayImage(ctx context.Context, version, ldflags, dir string, archs []string) error {
	const name = "netassay/netassay"
	if len(archs) == 0 {
		archs = []string{"amd64", "arm64"}
	}
	var all []image.Options
	for _, arch := range archs {
		programs := filepath.Join(dir, "linux-"+arch)
		fmt.Fprintln(os.Stderr, "building netassay and probe for linux/"+arch)
		if err := compile(ctx, arch, ldflags, programs); err != nil {
			return err
		}
		o := image.Options{
			Program: filepath.Join(programs, "netassay"), More: []string{filepath.Join(programs, "probe")}, Arch: arch,
			User: "65534:65534", Refs: []string{image.Ref(name, version), name + ":latest"},
			Archive: filepath.Join(dir, "netassay-image-"+arch+".tar"),
		}
		if err := image.Build(ctx, o); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", o.Archive, o.Refs[0])
		var err error
		if o.Bill, err = image.Bill(o); err != nil {
			return err
		}
		bill := filepath.Join(dir, "netassay-image-"+arch+".cdx.json")
		if err := os.WriteFile(bill, o.Bill, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s: its bill of materials\n", bill)
		all = append(all, o)
	}
	layout := filepath.Join(dir, "netassay-image.oci.tar")
	digest, err := image.Layout(ctx, layout, all...)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s@%s\n", layout, name, digest)
	return nil
}

// compile builds the programs of the image for an architecture.
func compile(ctx context.Context, arch, ldflags, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags", ldflags, "-o", dir+"/", "./cmd/netassay", "./cmd/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for linux/%s: %w", arch, err)
	}
	return nil
}
