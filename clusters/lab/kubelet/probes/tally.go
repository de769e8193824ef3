package probes

import corev1 "k8s.io/api/core/v1"

// Tally turns single results into a verdict by the thresholds of a probe.
type Tally struct {
	success, failure int // thresholds
	inARow           int
	last             bool
}

// NewTally is the tally of a probe; thresholds that are not set mean 1 success and 3
// failures.
func NewTally(p *corev1.Probe) *Tally {
	t := &Tally{success: int(p.SuccessThreshold), failure: int(p.FailureThreshold)}
	if t.success < 1 {
		t.success = 1
	}
	if t.failure < 1 {
		t.failure = 3
	}
	return t
}

// Add counts one result. decided reports whether a threshold is reached, ok which.
func (t *Tally) Add(result bool) (ok, decided bool) {
	if result != t.last {
		t.inARow = 0
	}
	t.last = result
	t.inARow++
	if result {
		return true, t.inARow >= t.success
	}
	return false, t.inARow >= t.failure
}
