package chaos

import (
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
)

// journal keeps what was done when, and tells of it.
type journal struct {
	result *v1.Backend // so far
	record func(...v1.Record)
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
	j.record(&v1.Phase{Backend: j.result.Backend, Phase: phase, Seconds: took})
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
	j.record(&v1.Fault{Backend: j.result.Backend, Phase: j.phase, What: fmt.Sprintf(format, args...), At: probe.Now()})
}
