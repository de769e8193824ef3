package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
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
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return p, fmt.Errorf("read pressure: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 8 && f[0] == "cpu":
			p.Busy, p.Stolen = ticks(f[1])+ticks(f[2])+ticks(f[3]), ticks(f[8])
		case len(f) > 0 && strings.HasPrefix(f[0], "cpu"):
			p.Cores++
		}
	}
	p.Ours = allProcesses()
	if text, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		_, after, _ := strings.Cut(string(text), "total=")
		n, _ := strconv.ParseInt(strings.Fields(after + " 0")[0], 10, 64)
		p.Stalled = time.Duration(n) * time.Microsecond
	}
	return p, nil
}

func ticks(field string) time.Duration {
	n, _ := strconv.ParseInt(field, 10, 64)
	return time.Duration(n) * time.Second / ticksPerSecond
}

// allProcesses adds up what every process has used, with what its children had used when
// it waited for them: an ended one is in its parent's time, or in that of pid 1.
func allProcesses() time.Duration {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	var sum time.Duration
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // has ended
		}
		if cpu, err := parseStat(string(text)); err == nil {
			sum += cpu.Total()
		}
	}
	return sum
}

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
