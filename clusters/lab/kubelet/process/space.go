package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/internal/sandbox"
)

const threadUTS = "/proc/thread-self/ns/uts"

// Space is the namespaces that the processes of one pod share.
type Space struct {
	net   func(func() error) error
	uts   *os.File
	inode string // how /proc shows uts

	mu    sync.RWMutex // held for reading by starts
	ended bool         // nothing may start any more
}

// ErrEnded is a start in a space whose processes were killed for good.
var ErrEnded = errors.New("the pod has ended")

// NewSpace makes a UTS namespace with the hostname. Processes start inside net, which runs
// a function on a locked thread in the network namespace.
func NewSpace(hostname string, net func(func() error) error) (*Space, error) {
	s := &Space{net: net}
	err := sandbox.Restoring("uts", func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("create UTS namespace: %w", err)
		}
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return fmt.Errorf("set hostname %s: %w", hostname, err)
		}
		if s.inode, err = os.Readlink(threadUTS); err != nil {
			return fmt.Errorf("read UTS namespace: %w", err)
		}
		s.uts, err = os.Open(threadUTS)
		return err
	})
	return s, err
}

// Do runs fn on a thread that is in the space's namespaces.
func (s *Space) Do(fn func() error) error {
	return s.net(func() error {
		return sandbox.Restoring("uts", func() error {
			if err := unix.Setns(int(s.uts.Fd()), unix.CLONE_NEWUTS); err != nil {
				return fmt.Errorf("enter UTS namespace: %w", err)
			}
			return fn()
		})
	})
}

// enter is Do for starts.
func (s *Space) enter(fn func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ended {
		return ErrEnded
	}
	return s.Do(fn)
}

// KillAll kills every process in the space and returns when each has ended and none is left, or
// with ctx's error. Nothing can be started in the space afterwards.
func (s *Space) KillAll(ctx context.Context) error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	var pids []int
	err := wait.PollUntilContextCancel(ctx, 2*time.Millisecond, true, func(ctx context.Context) (_ bool, err error) {
		if pids, err = s.members(); err == nil {
			err = kill(ctx, pids)
		}
		return len(pids) == 0, err
	})
	if err != nil {
		return fmt.Errorf("kill processes %v: %w", pids, err)
	}
	return nil
}

// kill kills processes and waits until each has ended. A process on its way out has left its
// namespaces before its files are closed, so that nobody finds it, and its sockets still answer.
func kill(ctx context.Context, pids []int) error {
	var killed []unix.PollFd
	defer func() {
		for _, k := range killed {
			_ = unix.Close(int(k.Fd))
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it is gone, which is what is wanted
		}
		if err != nil {
			return fmt.Errorf("open process %d: %w", pid, err)
		}
		killed = append(killed, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}) // readable once it has ended
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)                       // it may be gone by now
	}
	for i := range killed {
		for killed[i].Revents == 0 && ctx.Err() == nil {
			if _, err := unix.Poll(killed[i:i+1], 100); err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("wait for process: %w", err)
			}
		}
	}
	return ctx.Err()
}

// members are the processes in the space. One that has ended has left its namespaces already.
func (s *Space) members() ([]int, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, p := range all {
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/uts", p.PID)); err == nil && ns == s.inode {
			pids = append(pids, p.PID)
		}
	}
	return pids, nil
}

// Close gives up the UTS namespace.
func (s *Space) Close() error { return s.uts.Close() }
