//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// netnsDir is where ip(8) looks for named network namespaces.
const netnsDir = "/run/netns"

// NetNS is a network namespace, held open by a file. It lives until Close and until the
// last process, socket and thread in it is gone.
type NetNS struct {
	handle netns.NsHandle
	name   string // in netnsDir, "" without one
}

// NewNetNS creates a network namespace with loopback up. With a name, `ip netns exec NAME`
// finds it too; that works inside a sandbox only.
func NewNetNS(name string) (*NetNS, error) {
	if name != "" && !Inside() {
		return nil, errors.New("name network namespace: not inside a sandbox")
	}
	n := &NetNS{handle: netns.None()}
	err := Restoring("net", func() (err error) {
		if name == "" {
			n.handle, err = netns.New()
		} else if n.handle, err = netns.NewNamed(name); err == nil {
			n.name = name
		}
		if err != nil {
			return fmt.Errorf("create network namespace %s: %w", name, err)
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
	handle, err := netns.GetFromPath(file)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", file, err)
	}
	return &NetNS{handle: handle}, nil
}

// Fd is the open file of the namespace, valid until Close.
func (n *NetNS) Fd() int { return int(n.handle) }

// Do runs fn on a thread that is in n. Sockets opened and processes started by fn itself
// belong to n; goroutines that fn starts do not. Calls may be nested.
func (n *NetNS) Do(fn func() error) error {
	return Restoring("net", func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// Restoring runs fn, which may change the thread's namespace of that kind ("net", "uts"), and
// restores it. A thread that can't be restored stays locked, so that the Go runtime throws it
// away with its goroutine instead of running others in the wrong namespace.
func Restoring(kind string, fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := netns.GetFromPath("/proc/thread-self/ns/" + kind)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open %s namespace: %w", kind, err)
	}
	defer func() {
		if back := unix.Setns(int(home), 0); back != nil {
			err = errors.Join(err, fmt.Errorf("leave %s namespace: %w", kind, back))
		} else {
			runtime.UnlockOSThread()
		}
		home.Close()
	}()
	return fn()
}

// Close gives up the name and the open file.
func (n *NetNS) Close() error {
	var err error
	if n.name != "" {
		if err = netns.DeleteNamed(n.name); err != nil {
			err = fmt.Errorf("remove name of network namespace: %w", err)
		}
		n.name = ""
	}
	if n.handle.IsOpen() {
		err = errors.Join(err, n.handle.Close())
	}
	return err
}
