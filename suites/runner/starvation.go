package runner

import (
	"fmt"
	"time"
)

const (
	// starvedFrom is how many times longer the harness must take, for want of a processor, for
	// the machine to be called starved. It waits for half of its time then.
	starvedFrom = 2
	// mostGrace bounds by how much a starved machine moves the deadline.
	mostGrace = 10 * time.Second
)

// starvation is how long the harness had to wait for a processor during a step.
type starvation struct {
	read        func() (had, waited time.Duration) // nil where nobody can say
	had, waited time.Duration                      // before the step
	asked       bool
	// factor is how many times longer the harness took, from the beginning of the step to its
	// deadline; 0 when the machine was not starved.
	factor float64
}

func newStarvation(read func() (had, waited time.Duration)) *starvation {
	s := &starvation{read: read}
	if read != nil {
		s.had, s.waited = read()
	}
	return s
}

// measure sets the factor, once.
func (s *starvation) measure() {
	if s.asked || s.read == nil {
		return
	}
	s.asked = true
	had, waited := s.read()
	had, waited = max(had-s.had, 1), max(waited-s.waited, 0)
	if factor := float64(had+waited) / float64(had); factor >= starvedFrom {
		s.factor = factor
	}
}

// stretch moves the deadline of a step that reaches it on a starved machine: by as much as
// such a machine makes everything longer, the engine too.
func (w *watch) stretch(now time.Duration) {
	if now < w.window.Acked+w.window.Deadline || w.starved.asked {
		return
	}
	w.starved.measure()
	if f := w.starved.factor; f > 0 {
		w.window.Grace = min(time.Duration((f-1)*float64(w.window.Deadline)), mostGrace)
	}
}

// excuse is what the harness itself lacked, for the reason of a cell that proves nothing.
func (w *watch) excuse() string {
	var s string
	if w.worst > prompt {
		s = fmt.Sprintf("; the harness sent probes up to %.0f ms late", millis(w.worst))
	}
	if f := w.starved.factor; f > 0 {
		s += fmt.Sprintf("; the machine was starved: the harness took %.1f times longer for want of a processor", f)
	}
	return s
}
