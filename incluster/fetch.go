package incluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// fetchedFile says that somebody has the results.
const fetchedFile = ".netassay-fetched"

// poll is the time between looks at the results directory of those who wait for something in it.
const poll = 200 * time.Millisecond

// Keep keeps a container alive, and with it the volume, until the results in dir were fetched, or
// for that long.
func Keep(ctx context.Context, dir string, long time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	p := place{dir: dir}
	_ = p.until(ctx, fetchedFile)
}

// Fetch waits until results are in dir, writes the file that holds them to w, and lets Keep end.
func Fetch(ctx context.Context, dir string, w io.Writer) error {
	p := place{dir: dir}
	if err := p.until(ctx, DoneFile); err != nil {
		return fmt.Errorf("wait for results in %s: %w", dir, err)
	}
	name, err := os.ReadFile(p.path(DoneFile))
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	f, err := os.Open(strings.TrimSpace(string(name)))
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	return p.write(fetchedFile, nil)
}

// until waits until a file is there.
func (p *place) until(ctx context.Context, name string) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for !exists(p.path(name)) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
