//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ready is set once the program has shown that it can play the part of init. Without that
// a program that enters would run itself again and again.
var ready atomic.Bool

// InitIfAsked plays the part of init when the program was re-executed for it, and does
// then not return. It is the first line of main.
func InitIfAsked() {
	ready.Store(true)
	switch os.Getenv(roleVar) {
	case roleInit:
		os.Exit(runInit())
	case roleInside:
		if os.Getenv(trialVar) != "" {
			os.Exit(runTrial())
		}
	}
}

func fileCount() int {
	n, _ := strconv.Atoi(os.Getenv(filesVar))
	return n
}

func runInit() int {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "sandbox: "+roleVar+" is set outside of a sandbox: unset it")
		return 1
	}
	n := fileCount()
	unix.CloseOnExec(3 + n)
	report := os.NewFile(uintptr(3+n), "report")
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	worker, err := startWorker(n)
	if err != nil {
		fmt.Fprint(report, err)
		return 1
	}
	fmt.Fprint(report, standing)
	report.Close()
	go forward(signals, nil, worker)
	return reapUntil(worker.Pid)
}

func startWorker(files int) (*os.Process, error) {
	if err := setUp(); err != nil {
		return nil, err
	}
	attr := &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env:   append(withoutRole(os.Environ()), roleVar+"="+roleInside),
	}
	for i := range files {
		attr.Files = append(attr.Files, os.NewFile(uintptr(3+i), "extra"))
	}
	p, err := os.StartProcess(self, os.Args, attr)
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	// Only the worker keeps them: a listener must be closed when the worker closes it.
	for _, f := range attr.Files[3:] {
		f.Close()
	}
	return p, nil
}

// withoutRole drops the role of this process: of two values, the first would count.
func withoutRole(env []string) []string {
	return slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, roleVar+"=") })
}

// reapUntil reaps whatever ends, orphans included, until pid ends; it returns pid's exit
// code. Then the caller exits and the kernel kills what is left.
func reapUntil(pid int) int {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1
		case got != pid:
		case status.Signaled():
			return 128 + int(status.Signal())
		case status.Exited():
			return status.ExitStatus()
		}
	}
}

// setUp makes the fresh namespaces usable: private mounts, an empty /run, the pid
// namespace's own /proc, and loopback.
func setUp() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", flags, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// Nice to have (/sys/class/net shows the right links), refused in some containers.
	_ = unix.Mount("sysfs", "/sys", "sysfs", flags|unix.MS_RDONLY, "")
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("create directory for network namespaces: %w", err)
	}
	return loopbackUp()
}

// loopbackUp sets lo up in the calling thread's network namespace.
func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("set loopback up: %w", err)
	}
	return nil
}
