package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cgroup is a control group of its own for one process and its children.
type Cgroup struct {
	dir  string
	peak string // the file of the peak
}

// stem starts the names of our groups, by which left-overs are found.
const stem = "netassay-footprint-"

// NewCgroup makes a group below the caller's own in the memory hierarchy, of version 1 or
// 2. The error says why none can be made; callers then go on without.
func NewCgroup() (*Cgroup, error) {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	root, path, peak, err := memoryHierarchy(string(self))
	if err != nil {
		return nil, err
	}
	parent := filepath.Join(root, path)
	if _, err := os.Stat(parent); err != nil { // in a container, which sees its part of the tree only
		parent = root
	}
	removeLeftovers(parent)
	dir, err := os.MkdirTemp(parent, stem)
	if err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	g := &Cgroup{dir: dir, peak: filepath.Join(dir, peak)}
	if _, err := os.Stat(g.peak); err != nil {
		return nil, errors.Join(fmt.Errorf("make cgroup: the memory controller gives no peak: %w", err), g.Close())
	}
	return g, nil
}

// memoryHierarchy is where the hierarchy that counts memory is, and the caller in it.
func memoryHierarchy(self string) (root, path, peak string, err error) {
	unified := ""
	for line := range strings.Lines(self) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, place, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case controllers == "":
			unified = place
		case strings.Contains(","+controllers+",", ",memory,"):
			return "/sys/fs/cgroup/memory", place, "memory.max_usage_in_bytes", nil
		}
	}
	if unified == "" {
		return "", "", "", errors.New("make cgroup: no memory controller here")
	}
	return "/sys/fs/cgroup", unified, "memory.peak", nil
}

// removeLeftovers removes groups of runs that were killed; those in use can't be removed.
func removeLeftovers(parent string) {
	old, _ := filepath.Glob(filepath.Join(parent, stem+"*"))
	for _, dir := range old {
		_ = os.Remove(dir)
	}
}

// Wrap is argv run inside the group from its first instruction on.
func (g *Cgroup) Wrap(argv []string) []string {
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, g.dir}, argv...)
}

// Peak is the most memory that the group was ever charged for, in bytes: processes, page
// cache, and what the kernel accounts to them. Buckets of ipsets are not accounted.
func (g *Cgroup) Peak() (int64, error) {
	text, err := os.ReadFile(g.peak)
	if err != nil {
		return 0, fmt.Errorf("read cgroup peak: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// Close removes the group, whose processes must have ended.
func (g *Cgroup) Close() error {
	if err := os.Remove(g.dir); err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}
