package lifecycle

import "time"

// Backoff delays restarts of a container that keeps ending.
type Backoff struct {
	Base  time.Duration // before the second restart in a row; the first is not delayed
	Max   time.Duration
	Reset time.Duration // a run at least this long makes the next end the first in a row
}

// DefaultBackoff is the reduced back-off of https://kep.k8s.io/4603 (1 s, doubled up to a
// minute) instead of the 10 s to 5 min that nodes had before.
func DefaultBackoff() Backoff {
	return Backoff{Base: time.Second, Max: time.Minute, Reset: 10 * time.Minute}
}

// Delay is the time to wait before a restart that crashes ends in a row came before.
func (b Backoff) Delay(crashes int) time.Duration {
	if crashes <= 0 {
		return 0
	}
	d := b.Base
	for i := 1; i < crashes && d < b.Max; i++ {
		d *= 2
	}
	return min(d, b.Max)
}
