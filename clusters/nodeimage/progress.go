package nodeimage

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// maker makes an image, step by step, and remembers what took how long.
type maker struct {
	cache    string // directory
	progress io.Writer
	parts    []Part
}

// compile is the step that builds programs.
const compile = "compile programs"

// tellEvery is how often a step says that it is still going on.
const tellEvery = 10 * time.Second

// step does a part of the work and says how far it is.
func (m *maker) step(ctx context.Context, name string, do func(context.Context) error) error {
	start := time.Now()
	fmt.Fprintf(m.progress, "node image: %s\n", name)
	done := make(chan struct{})
	var wg sync.WaitGroup
	if name != compile { // which speaks for itself
		wg.Go(func() { m.tell(name, start, done) })
	}
	err := do(ctx)
	close(done)
	wg.Wait()
	took := time.Since(start).Seconds()
	m.parts = append(m.parts, Part{Name: name, Seconds: took})
	if err != nil {
		return fmt.Errorf("build node image: %s: %w", name, err)
	}
	fmt.Fprintf(m.progress, "node image: %s took %.1f s\n", name, took)
	return nil
}

// tell says every so often that a step is going on, until done.
func (m *maker) tell(name string, start time.Time, done <-chan struct{}) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			fmt.Fprintf(m.progress, "node image: %s, %.0f s\n", name, time.Since(start).Seconds())
		}
	}
}
