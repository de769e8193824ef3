package lab

import (
	"fmt"
	"sync"
	"time"
)

// Phase is a part of a lab's start.
type Phase struct {
	Name string
	// Began is counted from the beginning of the start; Took is how long it lasted.
	Began, Took time.Duration
}

// phases measures the parts of a start, which overlap, and tells when each is done.
type phases struct {
	mu   sync.Mutex
	zero time.Time
	last time.Duration
	done []Phase
	tell func(string)
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
		took := p.last - began
		p.done = append(p.done, Phase{Name: name, Began: began, Took: took})
		p.tell(fmt.Sprintf("%6.2fs  %s (%.2fs)", p.last.Seconds(), name, took.Seconds()))
	}
}

// total is when the last phase ended.
func (p *phases) total() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *phases) all() []Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Phase(nil), p.done...)
}
