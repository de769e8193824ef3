package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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
	var uts *os.File
	err := onUTS(func() error {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("create UTS namespace: %w", err)
		}
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return fmt.Errorf("set hostname %s: %w", hostname, err)
		}
		f, err := os.Open(threadUTS)
		if err != nil {
			return fmt.Errorf("open UTS namespace: %w", err)
		}
		uts = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(uts.Fd()), &stat); err != nil {
		return nil, errors.Join(fmt.Errorf("stat UTS namespace: %w", err), uts.Close())
	}
	return &Space{net: net, uts: uts, inode: "uts:[" + strconv.FormatUint(stat.Ino, 10) + "]"}, nil
}

// onUTS runs fn, which may change the thread's UTS namespace, and restores it. A thread
// that can't be restored stays locked, so that the Go runtime throws it away.
func onUTS(fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open(threadUTS)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open UTS namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWUTS); back != nil {
			err = errors.Join(err, fmt.Errorf("leave UTS namespace: %w", back))
		} else {
			runtime.UnlockOSThread()
		}
		home.Close()
	}()
	return fn()
}

// Do runs fn on a thread that is in the space's namespaces.
func (s *Space) Do(fn func() error) error {
	return s.net(func() error {
		return onUTS(func() error {
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

// KillAll kills every process in the space and returns when there is none left, or with
// ctx's error. Nothing can be started in the space afterwards.
func (s *Space) KillAll(ctx context.Context) error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	const pause = 2 * time.Millisecond
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		pids, err := s.members()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			// It may be gone by now, which is what is wanted.
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("kill processes %v: %w", pids, ctx.Err())
		}
	}
}

// members are the processes in the space. A zombie has left its namespaces already.
func (s *Space) members() ([]int, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + name + "/ns/uts"); err == nil && ns == s.inode {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Close gives up the UTS namespace.
func (s *Space) Close() error { return s.uts.Close() }
