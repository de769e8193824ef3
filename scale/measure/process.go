package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// Memory is what /proc says of one process, in bytes.
type Memory struct {
	HWM  int64 // the most that was ever resident (VmHWM)
	RSS  int64 // resident now (VmRSS)
	Anon int64 // of it, not backed by files (RssAnon)
	PSS  int64 // resident now, shared pages divided among their users
}

// ReadMemory reads the memory of a process. One that has ended has none, which is an error.
func ReadMemory(pid int) (Memory, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	status, err := p.NewStatus()
	rollup, rollupErr := p.ProcSMapsRollup()
	if err := errors.Join(err, rollupErr); err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	if status.VmHWM == 0 || status.VmRSS == 0 {
		return Memory{}, fmt.Errorf("read memory: process %d has none; has it ended?", pid)
	}
	return Memory{HWM: int64(status.VmHWM), RSS: int64(status.VmRSS), Anon: int64(status.RssAnon), PSS: int64(rollup.Pss)}, nil
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

// ReadCPU reads what a process has spent so far.
func ReadCPU(pid int) (CPU, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return CPU{}, fmt.Errorf("read CPU time: %w", err)
	}
	return spent(p)
}

func spent(p procfs.Proc) (CPU, error) {
	s, err := p.Stat()
	if err != nil {
		return CPU{}, fmt.Errorf("read CPU time: %w", err)
	}
	ticks := func(n int) time.Duration { return time.Duration(n) * time.Second / ticksPerSecond }
	return CPU{Own: ticks(int(s.UTime + s.STime)), Children: ticks(s.CUTime + s.CSTime)}, nil
}
