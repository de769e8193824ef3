package chaos

import (
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/chaos/account"
)

// journal keeps what was done when, and tells of it.
type journal struct {
	result *Result
	tell   func(line string)
	edits  func() int // so far
	phase  string     // the present one
}

// during is a phase of the run.
func (j *journal) during(phase string, do func() error) error {
	j.phase = phase
	start := time.Now()
	err := do()
	took := time.Since(start).Seconds()
	j.result.PhaseTimes = append(j.result.PhaseTimes, PhaseTime{phase, took})
	d := j.result.Done
	j.tell(fmt.Sprintf("%-6s %-18s %6.1f s   edits %d  kills %d  terms %d  recreates %d", j.result.Backend, phase, took, j.edits(), d.Kills, d.Terms, d.Recreates))
	return err
}

// progress tells of the i-th of n, ten times in a phase.
func (j *journal) progress(i, n int, what string) {
	if i*10/n != (i-1)*10/n && i < n {
		j.tell(fmt.Sprintf("%-6s %s %d/%d", j.result.Backend, what, i, n))
	}
}

// fault notes what is done, for the reader of findings.
func (j *journal) fault(format string, args ...any) {
	j.result.Faults = append(j.result.Faults, account.Fault{
		Backend: j.result.Backend, Phase: j.phase, What: fmt.Sprintf(format, args...), At: probe.Now(),
	})
}
