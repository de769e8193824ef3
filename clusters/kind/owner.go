package kind

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/internal/flock"
)

// The files in a cluster's directory.
const (
	lockFile       = "lock" // held as long as the owner lives, however it ends
	keptFile       = "kept" // the user wants the cluster to outlive its owner
	kubeconfigFile = "kubeconfig"
)

// claim is the ownership of a cluster: its directory and the lock in it.
type claim struct {
	dir  string
	lock *os.File
}

// take makes the directory of a new cluster and locks it. The directory gets its name when it is
// locked: whoever cleans up meanwhile never sees it unlocked.
func take(dir string) (_ *claim, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return nil, fmt.Errorf("make directory of cluster: %w", err)
	}
	f, err := flock.Take(filepath.Join(temp, lockFile))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock cluster: %w", err), os.RemoveAll(temp))
	}
	if err := os.Rename(temp, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("lock cluster: %w", err), f.Close(), os.RemoveAll(temp))
	}
	return &claim{dir: dir, lock: f}, nil
}

func (c *claim) kubeconfig() string { return filepath.Join(c.dir, kubeconfigFile) }

// keep lets the cluster outlive its owner.
func (c *claim) keep() error {
	if err := os.WriteFile(filepath.Join(c.dir, keptFile), nil, 0o600); err != nil {
		return fmt.Errorf("keep cluster: %w", err)
	}
	return c.lock.Close()
}

// release removes the directory and lets go of the lock, in that order: whoever finds the
// lock free finds nothing to use.
func (c *claim) release() error {
	return errors.Join(os.RemoveAll(c.dir), c.lock.Close())
}

// owned says how a cluster's directory is.
type owned string

const (
	inUse    owned = "in use"       // its owner lives
	kept     owned = "kept"         // the user asked for it
	orphaned owned = "orphaned"     // its owner is gone
	foreign  owned = "out of sight" // its directory is in another container, say
)

// look finds out how the cluster is whose directory is dir in the mount namespace space.
func look(dir, space string) owned {
	held, err := flock.Held(filepath.Join(dir, lockFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && space != mountSpace():
		return foreign
	case errors.Is(err, fs.ErrNotExist):
		return orphaned
	case err != nil: // of another user
		return foreign
	case held:
		return inUse
	}
	if _, err := os.Stat(filepath.Join(dir, keptFile)); err == nil {
		return kept
	}
	return orphaned
}

// mountSpace names this process's mount namespace; "" where /proc can't tell.
func mountSpace() string {
	name, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return ""
	}
	return name
}
