package measure

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

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
