// Package process runs the programs of a lab, or beside a cluster: each with a log file of
// its own, each watched, so that one that dies by itself is reported with the end of its log.
//
// It decides nothing about what runs. Processes die with the sandbox at the latest, or,
// where there is none, with this one (Spec.Bound).
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// outputDelay is how long Run waits for output of what its command left running.
const outputDelay = 5 * time.Second

// tailBytes is how much of a log is quoted when a process dies.
const tailBytes = 2000

// Spec is a program to run.
type Spec struct {
	// Name is the name of the log file without ".log", unique in a Group; a second
	// process of that name appends to it.
	Name string
	// Argv is the program and its arguments.
	Argv []string
	// Env is added to the environment, as KEY=VALUE.
	Env []string
	// Do runs the start on a thread in the process's namespace; nil means in the caller's.
	Do func(func() error) error
	// Bound is for a process that no sandbox ends: it is killed when this one ends, even by
	// a kill.
	Bound bool
}

// Group is a set of running processes that are killed together.
type Group struct {
	logDir string
	died   chan error

	mu      sync.Mutex
	running []*Process // in the order of their start
}

// NewGroup is an empty group whose logs go to logDir, which must exist.
func NewGroup(logDir string) *Group {
	return &Group{logDir: logDir, died: make(chan error, 1)}
}

// Died yields the error of the first process that ended without being asked to.
func (g *Group) Died() <-chan error { return g.died }

// LogPath is where the process called name logs to.
func (g *Group) LogPath(name string) string { return filepath.Join(g.logDir, name+".log") }

// Process is a running program. It implements engines.Process.
type Process struct {
	spec  Spec
	log   string
	cmd   *exec.Cmd
	done  chan struct{}
	asked atomic.Bool // somebody wanted it to end
}

// Start starts a process.
func (g *Group) Start(spec Spec) (*Process, error) {
	p := &Process{spec: spec, log: g.LogPath(spec.Name), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", spec.Name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(spec.Argv[0], spec.Argv[1:]...)
	p.cmd.Env = append(os.Environ(), spec.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A terminal's Ctrl-C is for the lab, which ends its processes in order.
	Separate(p.cmd)
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	g.mu.Lock()
	g.running = append(g.running, p)
	g.mu.Unlock()
	go g.wait(p)
	return p, nil
}

func (p *Process) start() error {
	do := p.spec.Do
	if do == nil {
		do = func(fn func() error) error { return fn() }
	}
	if !p.spec.Bound {
		return do(p.cmd.Start)
	}
	bind(p.cmd)
	_, err := bound(func() error { return do(p.cmd.Start) }, func() error {
		<-p.done
		return nil
	})
	return err
}

func (g *Group) wait(p *Process) {
	err := p.cmd.Wait()
	close(p.done)
	g.mu.Lock()
	g.running = slices.DeleteFunc(g.running, func(other *Process) bool { return other == p })
	g.mu.Unlock()
	if p.asked.Load() {
		return
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	select {
	case g.died <- fmt.Errorf("%s died: %w; the end of %s:\n%s", p.spec.Name, err, p.log, Tail(p.log)):
	default: // the first to die is the one to know of
	}
}

// Kill kills all processes at once and waits for their end. None of a lab's programs has
// anything to save: their data goes with the lab.
func (g *Group) Kill() {
	g.mu.Lock()
	all := slices.Clone(g.running)
	g.mu.Unlock()
	for _, p := range all {
		_ = p.Signal(syscall.SIGKILL) // an error means that it has ended
	}
	for _, p := range all {
		<-p.done
	}
}

// Pid is the process id inside the sandbox.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// LogPath is where the process logs to.
func (p *Process) LogPath() string { return p.log }

// Done is closed when the process has ended and been reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends sig; it is an error when the process has ended. Its end is from now on not
// reported as a surprise.
func (p *Process) Signal(sig os.Signal) error {
	p.asked.Store(true)
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Command is a program to run to its end.
type Command struct {
	Do    func(func() error) error // runs the start on a thread in the right namespace
	Env   []string                 // added to the environment
	Stdin string
	Argv  []string
}

// Run runs c to its end. The error carries its output.
func Run(ctx context.Context, c Command) error {
	var out strings.Builder
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin = strings.NewReader(c.Stdin)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = outputDelay
	if err := c.Do(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("run %s: %w: %s", strings.Join(c.Argv, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// Tail is the end of the file at path, whole lines, or why there is none.
func Tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	cut := false
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, err = f.Seek(-tailBytes, io.SeekEnd)
		cut = err == nil
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	if _, rest, ok := strings.Cut(string(text), "\n"); cut && ok {
		return rest
	}
	return string(text)
}
