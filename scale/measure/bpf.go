package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Maps is what a process's BPF maps take in the kernel.
type Maps struct {
	Maps  int   // that it holds open; each counts once
	Bytes int64 // as the kernel accounts for them
}

// ReadMaps reads the maps that a process holds open, by what the kernel says of its file descriptors
// (map_mem_usage in kernel/bpf/syscall.c). A map that is pinned and open nowhere is not among them.
func ReadMaps(pid int) (Maps, error) { return readMaps(fmt.Sprintf("/proc/%d/fdinfo", pid)) }

func readMaps(dir string) (m Maps, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return m, fmt.Errorf("read BPF maps: %w", err)
	}
	seen := map[int64]bool{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // closed since
		}
		if err != nil {
			return m, fmt.Errorf("read BPF maps: %w", err)
		}
		id, ok := field(string(text), "map_id:")
		bytes, known := field(string(text), "memlock:")
		if ok && known && !seen[id] {
			seen[id] = true
			m.Maps++
			m.Bytes += bytes
		}
	}
	return m, nil
}

// field is the number behind a name at the beginning of a line.
func field(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
