package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// netnsDir is where ip(8) looks for named network namespaces.
const netnsDir = "/run/netns"

// threadNetNS names the network namespace of the calling thread.
const threadNetNS = "/proc/thread-self/ns/net"

// NetNS is a network namespace, held open by a file. It lives until Close and until the
// last process, socket and thread in it is gone.
type NetNS struct {
	file *os.File
	path string // the bind mount, "" without a name
}

// NewNetNS creates a network namespace with loopback up. With a name, `ip netns exec NAME`
// finds it too; that works inside a sandbox only.
func NewNetNS(name string) (*NetNS, error) {
	n := &NetNS{}
	err := onNewThreadState(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("create network namespace: %w", err)
		}
		f, err := os.Open(threadNetNS)
		if err != nil {
			return fmt.Errorf("open network namespace: %w", err)
		}
		n.file = f
		if name != "" {
			if err := n.bind(name); err != nil {
				return err
			}
		}
		return loopbackUp()
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// OpenNetNS is the network namespace that a file is of, e.g. /proc/PID/ns/net.
func OpenNetNS(file string) (*NetNS, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	return &NetNS{file: f}, nil
}

func (n *NetNS) bind(name string) error {
	if !Inside() {
		return errors.New("name network namespace: not inside a sandbox")
	}
	path := filepath.Join(netnsDir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("name network namespace: %w", err)
	}
	f.Close()
	n.path = path
	if err := unix.Mount(threadNetNS, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("name network namespace %s: %w", name, err)
	}
	return nil
}

// Fd is the open file of the namespace, valid until Close.
func (n *NetNS) Fd() int { return int(n.file.Fd()) }

// Do runs fn on a thread that is in n. Sockets opened and processes started by fn itself
// belong to n; goroutines that fn starts do not. Calls may be nested.
func (n *NetNS) Do(fn func() error) error {
	return onNewThreadState(func() error {
		if err := unix.Setns(n.Fd(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// onNewThreadState runs fn, which may change the thread's network namespace, and restores
// it. A thread that can't be restored stays locked, so that the Go runtime throws it away
// with its goroutine instead of running others in the wrong namespace.
func onNewThreadState(fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open(threadNetNS)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
		} else {
			runtime.UnlockOSThread()
		}
		home.Close()
	}()
	return fn()
}

// Close gives up the name and the open file.
func (n *NetNS) Close() error {
	var errs []error
	if n.path != "" {
		if err := unix.Unmount(n.path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", n.path, err))
		}
		if err := os.Remove(n.path); err != nil {
			errs = append(errs, fmt.Errorf("remove name of network namespace: %w", err))
		}
		n.path = ""
	}
	if n.file != nil {
		errs = append(errs, n.file.Close())
		n.file = nil
	}
	return errors.Join(errs...)
}
