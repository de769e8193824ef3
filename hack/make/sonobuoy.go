package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/netassay/netassay/internal/image"
)

// sonobuoyModule is the module that pins Sonobuoy, and sonobuoyProgram its program.
const (
	sonobuoyModule  = "hack/sonobuoy"
	sonobuoyProgram = "github.com/vmware-tanzu/sonobuoy"
)

// sonobuoyImage builds the sonobuoy program, and its image under the name that the program runs by
// default, for this machine's architecture, into dir.
func sonobuoyImage(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("resolve directory: %w", err)
	}
	version, err := goInModule(ctx, "list", "-m", "-f", "{{.Version}}", sonobuoyProgram)
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "sonobuoy")
	ldflags := "-s -w -X " + sonobuoyProgram + "/pkg/buildinfo.Version=" + version
	if _, err := goInModule(ctx, "build", "-trimpath", "-ldflags", ldflags, "-o", program, sonobuoyProgram); err != nil {
		return err
	}
	o := image.Options{
		Program: program, Refs: []string{image.Ref("docker.io/sonobuoy/sonobuoy", version)},
		Archive: filepath.Join(dir, "sonobuoy-image-"+runtime.GOARCH+".tar"),
	}
	if err := image.Build(ctx, o); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", o.Archive, o.Refs[0])
	return nil
}

// goInModule runs the go command in the module that pins Sonobuoy.
func goInModule(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{args[0], "-C", sonobuoyModule}, args[1:]...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w", args[0], sonobuoyModule, err)
	}
	return strings.TrimSpace(string(out)), nil
}
