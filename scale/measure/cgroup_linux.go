package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Cgroup is a control group of its own for one process and its children.
type Cgroup struct {
	root string // where the hierarchy is mounted
	dir  string // "" while there is none
	peak string // the file of the peak
	v2   bool
	held *os.File // its directory, locked: others are to leave it
}

// stem starts the names of our groups, by which left-overs are found.
const stem = "netassay-footprint-"

// NewCgroup makes a group in the memory hierarchy, of version 1 or 2, below the caller's own
// where that can be seen. The error says why none can be made; callers then go on without.
// It needs a mount namespace of the caller's own, in which the hierarchy is mounted at dir.
func NewCgroup(dir string) (*Cgroup, error) {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	h, err := memoryHierarchy(string(self))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	if err := unix.Mount("netassay", dir, h.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, h.options); err != nil {
		return nil, fmt.Errorf("make cgroup: mount the memory hierarchy: %w", err)
	}
	g := &Cgroup{root: dir}
	if err := g.make(h); err != nil {
		return nil, errors.Join(fmt.Errorf("make cgroup: %w", err), g.Close())
	}
	return g, nil
}

// make makes the group in the mounted hierarchy.
func (g *Cgroup) make(h hierarchy) (err error) {
	parent := filepath.Join(g.root, h.self)
	if _, err := os.Stat(parent); err != nil { // in a container, which sees its part of the tree only
		parent = g.root
	}
	removeLeftovers(parent)
	if g.dir, err = os.MkdirTemp(parent, stem); err != nil {
		return err
	}
	if g.held, err = os.Open(g.dir); err != nil {
		return err
	}
	if err := unix.Flock(int(g.held.Fd()), unix.LOCK_SH); err != nil {
		return fmt.Errorf("lock %s: %w", g.dir, err)
	}
	g.peak, g.v2 = filepath.Join(g.dir, h.peak), h.kind == "cgroup2"
	if _, err := os.Stat(g.peak); err != nil {
		return fmt.Errorf("the memory controller gives no peak: %w", err)
	}
	return nil
}

// hierarchy is the one that counts memory.
type hierarchy struct {
	kind, options string // of its mount
	self          string // where the caller is in it
	peak          string // the file of the peak
}

func memoryHierarchy(self string) (hierarchy, error) {
	h := hierarchy{}
	for line := range strings.Lines(self) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, place, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case controllers == "":
			h = hierarchy{kind: "cgroup2", self: place, peak: "memory.peak"}
		case strings.Contains(","+controllers+",", ",memory,"):
			return hierarchy{kind: "cgroup", options: "memory", self: place, peak: "memory.max_usage_in_bytes"}, nil
		}
	}
	if h.kind == "" {
		return h, errors.New("make cgroup: no memory controller here")
	}
	return h, nil
}

// removeLeftovers removes groups of runs that were killed. Those that live hold a lock, and
// with a process inside a group can't be removed anyway.
func removeLeftovers(parent string) {
	old, _ := filepath.Glob(filepath.Join(parent, stem+"*"))
	for _, dir := range old {
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(dir)
		}
		_ = f.Close()
	}
}

// Wrap is argv run inside the group from its first instruction on.
func (g *Cgroup) Wrap(argv []string) []string {
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, g.dir}, argv...)
}

// Peak is the most memory that the group was ever charged for, in bytes: processes, page
// cache, and what the kernel accounts to them. Buckets of ipsets are not accounted.
func (g *Cgroup) Peak() (int64, error) {
	n, err := readNumber(g.peak)
	if err != nil {
		return 0, fmt.Errorf("read cgroup peak: %w", err)
	}
	return n, nil
}

// Usage is what the group is charged for now, in bytes.
type Usage struct {
	WorkingSet int64 // all but file pages that nobody has used for long: what the kubelet evicts by
	Kernel     int64 // of it, the kernel's own: nft rules are in it, buckets of ipsets are not
}

// Usage reads both.
func (g *Cgroup) Usage() (Usage, error) {
	current, kernel, inactive := "memory.usage_in_bytes", "memory.kmem.usage_in_bytes", "total_inactive_file"
	if g.v2 {
		current, kernel, inactive = "memory.current", "", "inactive_file"
	}
	stat, err := os.ReadFile(filepath.Join(g.dir, "memory.stat"))
	if err != nil {
		return Usage{}, fmt.Errorf("read cgroup usage: %w", err)
	}
	now, err := readNumber(filepath.Join(g.dir, current))
	if err != nil {
		return Usage{}, fmt.Errorf("read cgroup usage: %w", err)
	}
	u := Usage{WorkingSet: max(0, now-statOf(string(stat), inactive)), Kernel: statOf(string(stat), "kernel")}
	if kernel != "" {
		if u.Kernel, err = readNumber(filepath.Join(g.dir, kernel)); err != nil {
			return u, fmt.Errorf("read cgroup usage: %w", err)
		}
	}
	return u, nil
}

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// statOf is one line of memory.stat, 0 when it is not there.
func statOf(text, name string) int64 {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == name {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// Close removes the group, whose processes must have ended, and the mount.
func (g *Cgroup) Close() error {
	var errs []error
	if g.held != nil {
		_ = g.held.Close() // nothing was written
	}
	if g.dir != "" {
		errs = append(errs, os.Remove(g.dir))
	}
	if err := errors.Join(append(errs, unix.Unmount(g.root, unix.MNT_DETACH))...); err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}
