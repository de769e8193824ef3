package lab

import (
	"fmt"
	"sync"
	"time"
)

// phases measures the parts of a start, which overlap, and tells when each is done.
type phases struct {
	zero time.Time
	tell func(string)

	mu   sync.Mutex
	last time.Duration // when the last part ended, counted from zero
}

func (p *phases) start(tell func(string)) {
	p.zero, p.tell = time.Now(), tell
}

// begin begins a phase; the returned function ends it.
func (p *phases) begin(name string) (end func()) {
	began := time.Since(p.zero)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.last = time.Since(p.zero)
		p.tell(fmt.Sprintf("%6.2fs  %s (%.2fs)", p.last.Seconds(), name, (p.last - began).Seconds()))
	}
}

func (p *phases) total() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}
