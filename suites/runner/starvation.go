package runner

import (
	"fmt"
	"time"
)

const (
	// starvedFrom is how many times longer the harness must take, for want of a processor, for
	// the machine to be called starved. A run waits for its own probers too: alone on 2 cores
	// it took 4 to 9 times longer, beside 16 burners 18 to 28 times, beside 35 27 to 38 times.
	starvedFrom = 12
	// mostGrace bounds by how much a starved machine moves the deadline.
	mostGrace = 10 * time.Second
)

// starvation is how long the harness had to wait for a processor during a step.
type starvation struct {
	read        func() (had, waited time.Duration) // nil where nobody can say
	had, waited time.Duration                      // before the step
	measured    bool                               // at the deadline, or at the step's end before it
	// factor is how many times longer the harness took, from the beginning of the step until it
	// was measured; 0 when the machine was not starved.
	factor float64
}

func newStarvation(read func() (had, waited time.Duration)) *starvation {
	s := &starvation{read: read}
	if read != nil {
		s.had, s.waited = read()
	}
	return s
}

// measure says how many times longer the harness took since; 0 when the machine was not starved.
func (s *starvation) measure() float64 {
	if s.read == nil {
		return 0
	}
	had, waited := s.read()
	had, waited = max(had-s.had, 1), max(waited-s.waited, 0)
	if factor := float64(had+waited) / float64(had); factor >= starvedFrom {
		return factor
	}
	return 0
}

// note measures, once.
func (s *starvation) note() {
	if !s.measured {
		s.measured, s.factor = true, s.measure()
	}
}

// stretch moves the deadline of a step that reaches it on a starved machine, once: by as much
// as such a machine makes everything longer, the engine too.
func (w *watch) stretch(now time.Duration) {
	s := w.starved
	if s.measured || now < w.window.Due() {
		return
	}
	s.note()
	w.window.Grace = grace(s.factor, w.window.Deadline)
}

// grace is by how much a deadline moves on a machine on which the harness takes factor times
// longer; not at all where it is 0, on one that is not starved.
func grace(factor float64, deadline time.Duration) time.Duration {
	return min(time.Duration(max(factor-1, 0)*float64(deadline)), mostGrace)
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
