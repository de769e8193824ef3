//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The variables through which the roles of one program talk to each other.
const (
	roleVar  = "NETASSAY_SANDBOX"
	filesVar = "NETASSAY_SANDBOX_FILES"
)

// The roles of the re-executed program, the values of roleVar.
const (
	roleInit   = "init"
	roleInside = "inside"
)

// self names the running program even when its path can't be walked by the user that it
// runs as (go test builds into a directory of mode 0700).
const self = "/proc/self/exe"

// Inside reports whether this process runs inside a sandbox.
func Inside() bool { return os.Getenv(roleVar) == roleInside }

// Enter runs the current program again inside fresh namespaces, waits for its end and
// returns its exit code (128+n when signal n ended it). SIGINT, SIGTERM, SIGHUP and
// SIGQUIT are handed on once. It is an error when the sandbox could not be set up; the
// worker has then not run.
func Enter(opts Options) (exitCode int, err error) {
	// The parent-death signal fires when the thread that started the child ends, so this
	// goroutine keeps its thread until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := command(opts)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// A process group of its own: Ctrl-C reaches the worker once, through us.
	cmd.SysProcAttr.Setpgid = true

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	if err := start(cmd); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	defer close(done)
	go forward(signals, done, cmd.Process)
	return exitCodeOf(cmd.Wait())
}

// Detach is Enter for a worker that outlives its caller: it returns the process id of
// init, as the host counts, as soon as the sandbox stands. The worker has a session of
// its own, no standard input, and log for its output.
func Detach(opts Options, log *os.File) (pid int, err error) {
	cmd := command(opts)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Setsid = true
	if err := start(cmd); err != nil {
		return 0, err
	}
	pid = cmd.Process.Pid
	// Reaps when the caller lives longer than the worker; the caller need not wait.
	go func() { _ = cmd.Wait() }()
	return pid, nil
}

// ExtraFiles are the files that the program outside handed in by Options.ExtraFiles.
func ExtraFiles() []*os.File {
	n, err := strconv.Atoi(os.Getenv(filesVar))
	if err != nil {
		return nil
	}
	files := make([]*os.File, n)
	for i := range files {
		unix.CloseOnExec(3 + i)
		files[i] = os.NewFile(uintptr(3+i), "extra-"+strconv.Itoa(i))
	}
	return files
}

var forwarded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// command is the program itself in the role of init.
func command(opts Options) *exec.Cmd {
	cmd := exec.Command(self)
	cmd.Args = opts.Args
	if cmd.Args == nil {
		cmd.Args = os.Args
	}
	cmd.ExtraFiles = append([]*os.File(nil), opts.ExtraFiles...)
	cmd.SysProcAttr = namespaces()
	cmd.Env = append(environ(), opts.Env...)
	cmd.Env = append(cmd.Env, roleVar+"="+roleInit, filesVar+"="+strconv.Itoa(len(opts.ExtraFiles)))
	return cmd
}

// environ is the environment with searchPath as its PATH.
func environ() []string { return append(os.Environ(), "PATH="+searchPath()) }

// searchPath is PATH with the directories of the system's tools, which an unprivileged user
// often lacks.
func searchPath() string {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+dir+":") {
			path += ":" + dir
		}
	}
	return path
}

func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID |
			unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// standing is what init reports when its namespaces are set up; anything else is the error.
const standing = "standing"

// start starts cmd and waits until init reports through a pipe.
func start(cmd *exec.Cmd) error {
	if !ready.Load() {
		return errors.New("sandbox.InitIfAsked must be the first call in main, or in TestMain")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	defer r.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, w)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("create namespaces: %w", err)
	}
	report, err := io.ReadAll(r)
	switch {
	case err != nil:
	case string(report) == standing:
		return nil
	case len(report) == 0:
		err = errors.New("init ended without a report")
	default:
		err = errors.New(string(report))
	}
	_ = cmd.Wait()
	return fmt.Errorf("set up sandbox: %w", err)
}

func forward(signals <-chan os.Signal, done <-chan struct{}, p *os.Process) {
	for {
		select {
		case s := <-signals:
			_ = p.Signal(s)
		case <-done:
			return
		}
	}
}

func exitCodeOf(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for sandbox: %w", err)
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
