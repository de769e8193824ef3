//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/internal/flock"
)

// endTime is how long a lab may take to end after SIGTERM, and how often it is looked at.
const (
	endTime = 15 * time.Second
	lookAt  = 10 * time.Millisecond
)

// Down ends the lab called name and removes its directory. A dead lab's directory just goes.
func (l Labs) Down(ctx context.Context, name string) error {
	dir, err := l.dir(name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return l.missing(name)
	}
	if err := end(ctx, dir); err != nil {
		return fmt.Errorf("end lab %s: %w", name, err)
	}
	return remove(dir)
}

// end ends the process of the lab in dir, gently first.
func end(ctx context.Context, dir string) error {
	r, err := readRecord(dir)
	if err != nil && live(dir) {
		return errors.New("it is just starting: try again")
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !live(dir) {
			return nil
		}
		if now, err := startTime(r.Pid); err == nil && now == r.Started {
			_ = syscall.Kill(r.Pid, sig)
		}
		if err := awaitEnd(ctx, dir); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not end", r.Pid)
}

func awaitEnd(ctx context.Context, dir string) error {
	return wait.PollUntilContextTimeout(ctx, lookAt, endTime, true, func(context.Context) (bool, error) { return !live(dir), nil })
}

// remove removes the directory of a dead lab, unless it came to life meanwhile.
func remove(dir string) error {
	f, err := flock.Take(filepath.Join(dir, lockFile))
	if err != nil {
		return fmt.Errorf("remove directory of lab: %w", err)
	}
	defer f.Close()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove directory of lab: %w", err)
	}
	return nil
}

// Clean removes what killed runs left: directories of dead labs, and labs whose directory is gone
// or another's. With all it ends the live ones, too. It returns a line for each thing done.
func (l Labs) Clean(ctx context.Context, all bool) (done []string, err error) {
	labs, err := l.List()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range labs {
		if s.State != Dead && !all {
			continue
		}
		if err := l.Down(ctx, s.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, fmt.Sprintf("removed %s lab %s", s.State, s.Name))
	}
	for _, pid := range l.strays() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			errs = append(errs, fmt.Errorf("end stray lab (process %d): %w", pid, err))
			continue
		}
		done = append(done, fmt.Sprintf("ended stray lab (process %d)", pid))
	}
	return done, errors.Join(errs...)
}

// strays are the inits of labs of this root that no directory knows.
func (l Labs) strays() []int {
	all, _ := procfs.AllProcs()
	var out []int
	for _, p := range all {
		dir, ok := initOf(p)
		if !ok || filepath.Dir(dir) != l.root {
			continue
		}
		if above, err := parent(p); err == nil {
			if known, ok := initOf(above); ok && known == dir {
				continue // the unprivileged user's init goes with it
			}
		}
		if r, err := readRecord(dir); !live(dir) || err == nil && r.Pid != p.PID {
			out = append(out, p.PID)
		}
	}
	return out
}

func parent(p procfs.Proc) (procfs.Proc, error) {
	stat, err := p.Stat()
	if err != nil {
		return procfs.Proc{}, err
	}
	return procfs.NewProc(stat.PPID)
}

// initOf says which lab's init p is, by its environment.
func initOf(p procfs.Proc) (dir string, ok bool) {
	env, err := p.Environ()
	if err != nil {
		return "", false
	}
	for _, kv := range env {
		if value, found := strings.CutPrefix(kv, dirVar+"="); found {
			dir = value
		}
		ok = ok || kv == "NETASSAY_SANDBOX=init" || kv == "NETASSAY_SANDBOX=drop"
	}
	return dir, ok && dir != ""
}
