package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/netassay/netassay/internal/flock"
	"github.com/netassay/netassay/internal/process"
)

// tempPrefix starts the names of files that a build has not finished.
const tempPrefix = ".building-"

// A build is one program to be built.
type build struct {
	name  string   // file name of the program
	pkg   string   // import path of its main package
	flags []string // of go build
	dir   string   // directory of the module to build in; once makes one
	out   string   // path of the finished program
	label string   // for progress
}

// once is the path of the finished program. What the cache lacks is built, by one of all
// processes that want something of the program's directory in it; title is what people
// read that it is. The module to build in is written by source.
func (b build) once(ctx context.Context, p *progress, title string, source func(dir string) error) (string, error) {
	cache := filepath.Dir(b.out)
	done := func() bool { return isProgramAt(b.out) }
	return b.out, flock.Once(ctx, filepath.Join(cache, "lock"), done, p.waiting(title, cache), func() error {
		removeStale(cache)
		p.line("building %s from the Go module proxy into %s (once; some minutes)", title, cache)
		b.dir = filepath.Join(cache, tempPrefix+"module")
		defer os.RemoveAll(b.dir)
		if err := source(b.dir); err != nil {
			return err
		}
		return b.run(ctx, p)
	})
}

// run builds to a temporary name, syncs, and renames: out is complete or not there.
func (b build) run(ctx context.Context, p *progress) error {
	temp := tempName(b.out)
	defer os.Remove(temp) // gone already when all went well
	start := time.Now()
	if err := b.compile(ctx, p, temp); err != nil {
		return err
	}
	if err := Publish(temp, b.out); err != nil {
		return fmt.Errorf("install %s: %w", b.name, err)
	}
	p.line("built %s in %s", b.label, elapsed(start))
	return nil
}

// compile runs go build, says how far it is, and explains its failure.
func (b build) compile(ctx context.Context, p *progress, out string) error {
	tool, err := goTool(b.name)
	if err != nil {
		return err
	}
	cmd := process.Grouped(ctx, slices.Concat([]string{tool, "build", "-v"}, b.flags, []string{"-o", out, b.pkg})...)
	cmd.Dir = b.dir
	cmd.Env = buildEnv()
	log := &buildLog{}
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := process.Begin(cmd)
	if err == nil {
		err = b.report(p, log, ended)
	}
	return failure(ctx, b.name, log, err)
}

// report says how far the build is, at once and then every so often, and returns how it
// ended.
func (b build) report(p *progress, log *buildLog, ended <-chan error) error {
	start := time.Now()
	for {
		downloads, packages := log.counts()
		p.tell("building %s: %s, %d modules downloaded, %d packages compiled", b.label, elapsed(start), downloads, packages)
		select {
		case err := <-ended:
			p.clear()
			return err
		case <-time.After(p.every):
		}
	}
}

// ask runs the go command for program name, with its place and environment set by at, and
// returns what it prints, also when it fails, and what it complains of.
func ask(ctx context.Context, name string, at func(*exec.Cmd), args ...string) ([]byte, *buildLog, error) {
	log := &buildLog{}
	tool, err := goTool(name)
	if err != nil {
		return nil, log, err
	}
	cmd := process.Grouped(ctx, append([]string{tool}, args...)...)
	at(cmd)
	cmd.Stderr = log
	out, err := process.Output(cmd)
	return out, log, failure(ctx, name, log, err)
}

// failure is the error for a go command that ended with err.
func failure(ctx context.Context, name string, log *buildLog, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build %s: %w", name, ctx.Err())
	}
	return explain(name, log.tail(), err)
}

// goTool is the path of the go command.
func goTool(name string) (string, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("build %s: no go command in PATH: install Go from https://go.dev/dl%s", name, orAssets(name))
	}
	return tool, nil
}

// buildEnv is this process's environment without what would change a build's result.
func buildEnv() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOEXPERIMENT=")
}

// tempName is where out is made before it gets its name.
func tempName(out string) string {
	dir, name := filepath.Split(out)
	return filepath.Join(dir, fmt.Sprintf("%s%s-%d", tempPrefix, name, os.Getpid()))
}

// Publish makes temp durable and gives it its final name: what has a name in the cache is
// complete.
func Publish(temp, out string) error {
	f, err := os.Open(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, out)
}

// removeStale removes what killed builds have left in dir. The caller holds dir's lock.
func removeStale(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range left {
		_ = os.RemoveAll(path)
	}
}

// orAssets is the other cure that there is for the programs of Kubernetes.
func orAssets(name string) string {
	if !slices.Contains(Node(), Name(name)) {
		return ""
	}
	return ", or set KUBEBUILDER_ASSETS to a directory that has " + name
}

// explain turns a failed build into one line that names the cure, where the cause is one
// that has a cure.
func explain(name, output string, err error) error {
	output = strings.TrimSpace(output)
	last := output[strings.LastIndexByte(output, '\n')+1:]
	says := func(sub string) bool { return strings.Contains(output, sub) }
	switch {
	case slices.ContainsFunc([]string{"requires go >= ", "toolchain not available"}, says):
		return fmt.Errorf("build %s: the Go toolchain is too old: %s: install a newer Go from https://go.dev/dl", name, last)
	case slices.ContainsFunc([]string{"dial tcp", "no such host", "i/o timeout", "TLS handshake timeout", "network is unreachable", "module lookup disabled"}, says):
		return fmt.Errorf("build %s: the Go module proxy can't be reached: %s: connect to the network, or set GOPROXY%s",
			name, last, orAssets(name))
	case says("no space left on device"):
		return fmt.Errorf("build %s: no space left on device: free some, or set GOCACHE and NETASSAY_CACHE elsewhere", name)
	default:
		return fmt.Errorf("build %s: %w: %s", name, err, output)
	}
}

// elapsed is the time since start, in whole seconds.
func elapsed(start time.Time) time.Duration {
	return time.Since(start).Truncate(time.Second)
}
