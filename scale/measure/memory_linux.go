package measure

import (
	"errors"
	"fmt"

	"github.com/prometheus/procfs"
)

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
