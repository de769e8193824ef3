package measure

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is what /proc says of one process, in bytes.
type Memory struct {
	HWM  int64 // the most that was ever resident (VmHWM)
	RSS  int64 // resident now (VmRSS)
	Anon int64 // of it, not backed by files (RssAnon)
	PSS  int64 // resident now, shared pages divided among their users
}

// ReadMemory reads the memory of a process.
func ReadMemory(pid int) (Memory, error) {
	var m Memory
	err := readKiB(fmt.Sprintf("/proc/%d/status", pid), map[string]*int64{"VmHWM": &m.HWM, "VmRSS": &m.RSS, "RssAnon": &m.Anon})
	if err != nil {
		return m, err
	}
	return m, readKiB(fmt.Sprintf("/proc/%d/smaps_rollup", pid), map[string]*int64{"Pss": &m.PSS})
}

// readKiB reads the named fields of a file of "Name: N kB" lines; all must be there.
func readKiB(path string, fields map[string]*int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read memory: %w", err)
	}
	missing := len(fields)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		into, ok := fields[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return fmt.Errorf("read %s of %s: %w", name, path, err)
		}
		*into = n << 10
		missing--
	}
	if missing > 0 {
		return fmt.Errorf("read memory: %s lacks %d of the fields wanted; has the process ended?", path, missing)
	}
	return nil
}

// ticksPerSecond is the unit of times in /proc, 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// CPU is the time that a process has spent on processors, user and system together.
type CPU struct {
	Own      time.Duration
	Children time.Duration // that have ended and been waited for, such as ipset
}

// Total is both.
func (c CPU) Total() time.Duration { return c.Own + c.Children }

// Minus is what was spent since earlier.
func (c CPU) Minus(earlier CPU) CPU {
	return CPU{c.Own - earlier.Own, c.Children - earlier.Children}
}

// ReadCPU reads /proc/PID/stat.
func ReadCPU(pid int) (CPU, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, fmt.Errorf("read CPU time: %w", err)
	}
	return parseStat(string(text))
}

// parseStat reads fields 14 to 17; the second field is a name that may hold anything.
func parseStat(text string) (CPU, error) {
	end := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[end+1:])
	if end < 0 || len(fields) < 15 {
		return CPU{}, fmt.Errorf("read CPU time: unexpected line %q", text)
	}
	var ticks [4]time.Duration
	for i := range ticks {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("read CPU time: %w", err)
		}
		ticks[i] = time.Duration(n) * time.Second / ticksPerSecond
	}
	return CPU{Own: ticks[0] + ticks[1], Children: ticks[2] + ticks[3]}, nil
}
