package measure

import (
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

// Pressure is the processor time of the whole host and of the processes that can be seen
// from here, so far. Between two readings it shows what others took.
type Pressure struct {
	At      time.Time
	Cores   int
	Busy    time.Duration // user, nice and system time of all cores; interrupts are nobody's
	Stolen  time.Duration // by the hypervisor
	Ours    time.Duration // of all processes in this pid namespace, ended ones included
	Stalled time.Duration // in which some task waited for a processor (PSI); 0 where not known
}

// ReadPressure reads them.
func ReadPressure() (Pressure, error) {
	p := Pressure{At: time.Now()}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return p, fmt.Errorf("read pressure: %w", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		return p, fmt.Errorf("read pressure: %w", err)
	}
	all := stat.CPUTotal
	p.Cores, p.Busy, p.Stolen = len(stat.CPU), seconds(all.User+all.Nice+all.System), seconds(all.Steal)
	processes, err := fs.AllProcs()
	if err != nil {
		return p, fmt.Errorf("read pressure: %w", err)
	}
	// An ended process is in the time of its parent, or of pid 1, which waited for it.
	for _, process := range processes {
		if cpu, err := spent(process); err == nil { // else it has ended
			p.Ours += cpu.Total()
		}
	}
	if stalled, err := fs.PSIStatsForResource("cpu"); err == nil && stalled.Some != nil {
		p.Stalled = time.Duration(stalled.Some.Total) * time.Microsecond
	}
	return p, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Share is what happened between two readings, in shares of all cores' time.
type Share struct {
	Foreign float64 `json:"foreign_cpu"` // used by processes that are not of this run
	Stolen  float64 `json:"stolen_cpu"`
	Ours    float64 `json:"own_cpu"`
	Stalled float64 `json:"cpu_stalled"` // share of time in which some task waited for a processor
}

// Since is what happened since an earlier reading.
func (p Pressure) Since(earlier Pressure) Share {
	wall := p.At.Sub(earlier.At)
	all := wall * time.Duration(max(1, p.Cores))
	if wall <= 0 {
		return Share{}
	}
	of := func(d time.Duration) float64 { return max(0, float64(d)/float64(all)) }
	ours := p.Ours - earlier.Ours
	return Share{
		Foreign: of(p.Busy - earlier.Busy - ours), Stolen: of(p.Stolen - earlier.Stolen), Ours: of(ours),
		Stalled: float64(p.Stalled-earlier.Stalled) / float64(wall),
	}
}
