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
	"sync"
	"syscall"
	"time"
)

// tempPrefix starts the names of files that a build has not finished.
const tempPrefix = ".building-"

// killGrace is how long the processes of a killed build may take to end.
const killGrace = 5 * time.Second

// A build is one program to be built.
type build struct {
	name  string   // file name of the program
	pkg   string   // import path of its main package
	flags []string // of go build
	dir   string   // directory of the module to build in
	out   string   // path of the finished program
	label string   // for progress
}

// run builds to a temporary name, syncs, and renames: out is complete or not there.
func (b build) run(ctx context.Context, p *progress) error {
	temp := tempName(b.out)
	defer os.Remove(temp) // gone already when all went well
	start := time.Now()
	if err := b.compile(ctx, p, temp); err != nil {
		return err
	}
	if err := install(temp, b.out); err != nil {
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
	args := append([]string{"build", "-v"}, b.flags...)
	cmd := exec.CommandContext(ctx, tool, append(args, "-o", out, b.pkg)...)
	cmd.Dir = b.dir
	cmd.Env = buildEnv()
	log := &buildLog{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := runGroup(ctx, cmd, func(done <-chan struct{}) { b.report(p, log, done) }); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("build %s: %w", b.name, ctx.Err())
		}
		return explain(b.name, log.tail(), err)
	}
	return nil
}

// report says how far the build is, at once and then every so often, until done.
func (b build) report(p *progress, log *buildLog, done <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		downloads, packages := log.counts()
		p.status("building %s: %s, %d modules downloaded, %d packages compiled", b.label, elapsed(start), downloads, packages)
		select {
		case <-done:
			p.clear()
			return
		case <-tick.C:
		}
	}
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

// runGroup runs cmd in a process group of its own, which is killed as one when ctx ends,
// with watch running beside it. The go command itself is killed when this process dies.
func runGroup(ctx context.Context, cmd *exec.Cmd, watch func(done <-chan struct{})) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killGrace
	// Pdeathsig fires when the thread that started the child ends, so this goroutine keeps
	// its thread until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { watch(done) })
	err := cmd.Wait()
	close(done)
	wg.Wait()
	return err
}

// tempName is where out is made before it gets its name.
func tempName(out string) string {
	dir, name := filepath.Split(out)
	return filepath.Join(dir, fmt.Sprintf("%s%s-%d", tempPrefix, name, os.Getpid()))
}

// install makes temp durable and gives it its final name.
func install(temp, out string) error {
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
	if _, peer := LookupPeer(name); peer || slices.Contains(ownNames(), name) {
		return ""
	}
	return ", or set KUBEBUILDER_ASSETS to a directory that has " + name
}

// explain turns a failed build into one line that names the cure, where the cause is one
// that has a cure.
func explain(name, output string, err error) error {
	last := lastLine(output)
	switch {
	case containsAny(output, "requires go >= ", "toolchain not available"):
		return fmt.Errorf("build %s: the Go toolchain is too old: %s: install a newer Go from https://go.dev/dl", name, last)
	case containsAny(output, "dial tcp", "no such host", "i/o timeout", "TLS handshake timeout", "network is unreachable", "module lookup disabled"):
		return fmt.Errorf("build %s: the Go module proxy can't be reached: %s: connect to the network, or set GOPROXY%s",
			name, last, orAssets(name))
	case strings.Contains(output, "no space left on device"):
		return fmt.Errorf("build %s: no space left on device: free some, or set GOCACHE and NETASSAY_CACHE elsewhere", name)
	default:
		return fmt.Errorf("build %s: %w: %s", name, err, output)
	}
}

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// elapsed is the time since start, in whole seconds.
func elapsed(start time.Time) time.Duration {
	return time.Since(start).Truncate(time.Second)
}
