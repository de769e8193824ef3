package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is a program to start in a space.
type Command struct {
	Argv []string // Argv[0] is a path, or looked up in the PATH of Env
	Env  []string
	Dir  string // "" means "/"

	// In is the standard input; nil is /dev/null. The process sees its end.
	In io.Reader
	// Out and Err are the standard output and error; nil is /dev/null. Both are written
	// by one goroutine each.
	Out, Err io.Writer
}

// Exit is how a process ended.
type Exit struct {
	Code     int // 128+n for signal n
	Finished time.Time
}

// Process is a started command: the leader of a session of its own.
type Process struct {
	cmd   *exec.Cmd
	pidfd *os.File
	done  chan struct{}
	exit  Exit // valid when done is closed

	mu   sync.Mutex
	over bool // the leader has been reaped, its id may be anyone's
}

// drainTime is how long output is still read after the process ended, when something that
// left the session holds on to its streams. On a machine whose processors are all taken, reading what
// is there takes its time too.
const drainTime = 2 * time.Second

// Start starts the command in the space. Errors are those of the start; everything later
// is in Exit.
func (s *Space) Start(c Command) (*Process, error) {
	path, err := lookPath(c.Argv, c.Env)
	if err != nil {
		return nil, err
	}
	p := &Process{done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: path, Args: c.Argv, Env: c.Env, Dir: c.Dir,
		WaitDelay:   drainTime,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if c.Dir == "" {
		p.cmd.Dir = "/"
	}
	p.cmd.Stdout, p.cmd.Stderr = c.Out, c.Err
	var in io.WriteCloser
	if c.In != nil {
		// Not as cmd.Stdin: the end would wait for the reader, which may never end.
		if in, err = p.cmd.StdinPipe(); err != nil {
			return nil, fmt.Errorf("open standard input: %w", err)
		}
	}
	pidfd := -1
	p.cmd.SysProcAttr.PidFD = &pidfd
	if err := s.enter(p.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	p.pidfd = pollable(pidfd)
	if in != nil {
		go func() {
			// The process may close its input whenever it likes.
			_, _ = io.Copy(in, c.In)
			in.Close()
		}()
	}
	go p.wait()
	return p, nil
}

// lookPath finds the program as a shell with the environment env would. Unlike
// exec.LookPath it does not look at the PATH of this process.
func lookPath(argv, env []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", errors.New("start process: no command given")
	}
	if strings.Contains(argv[0], "/") {
		return exec.LookPath(argv[0])
	}
	path := ""
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if full, err := exec.LookPath(dir + "/" + argv[0]); err == nil {
			return full, nil
		}
	}
	return "", &exec.Error{Name: argv[0], Err: exec.ErrNotFound}
}

// pollable makes a file of a pidfd that the runtime's poller watches, so that waiting for
// hundreds of processes needs no thread each. It is nil where the kernel gave no pidfd.
func pollable(pidfd int) *os.File {
	if pidfd < 0 {
		return nil
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		unix.Close(pidfd)
		return nil
	}
	return os.NewFile(uintptr(pidfd), "pidfd")
}

// wait waits for the leader's end, kills what is left of its session's group, as the end
// of a container's first process does, and reaps it.
func (p *Process) wait() {
	p.untilExit()
	finished := time.Now()
	p.mu.Lock()
	// The leader is not reaped yet, so that its process group can be nobody else's.
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	p.over = true
	p.mu.Unlock()
	// An error can only add that output was cut off, or that standard input broke.
	_ = p.cmd.Wait()
	p.exit = Exit{Code: exitCode(p.cmd.ProcessState), Finished: finished}
	if p.pidfd != nil {
		p.pidfd.Close()
	}
	close(p.done)
}

// untilExit returns when the leader has ended, leaving it to be reaped.
func (p *Process) untilExit() {
	if p.pidfd != nil {
		conn, err := p.pidfd.SyscallConn()
		if err == nil && conn.Read(func(fd uintptr) bool { return exited(unix.P_PIDFD, int(fd), unix.WNOHANG) }) == nil {
			return
		}
	}
	exited(unix.P_PID, p.cmd.Process.Pid, 0)
}

// exited asks whether the child has ended; without WNOHANG it waits.
func exited(kind, id, flags int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err != nil || info.Signo != 0
	}
}

func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 255
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// Done is closed when the process has ended, its group is killed and its output is read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the process ended; it waits for Done.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Signal sends sig to the leader unless it has ended.
func (p *Process) Signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		_ = unix.Kill(p.cmd.Process.Pid, sig)
	}
}

// Kill kills the leader and its process group.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	}
}

// Stop asks the process to end and kills it when ctx ends first. It returns when the
// process has ended.
func (p *Process) Stop(ctx context.Context) Exit {
	if ctx.Err() == nil {
		p.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
	return p.Exit()
}
