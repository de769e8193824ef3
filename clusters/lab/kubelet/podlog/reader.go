package podlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Options select what Read returns; the zero value is everything so far.
type Options struct {
	Follow     bool
	Timestamps bool
	Tail       *int64    // the last so many entries; nil means all
	Since      time.Time // entries from this time on
	LimitBytes int64     // 0 means no limit
	Stream     string    // "stdout" or "stderr"; "" means both
}

// Read copies the entries of the log file at path to w. With Follow it goes on until live
// is closed or ctx ends; live may be nil for a run that has ended. A follower that is
// interrupted by ctx is not an error.
func Read(ctx context.Context, path string, live *Log, o Options, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer f.Close()
	r := &reader{in: bufio.NewReader(f), out: w, o: o}
	if err := r.past(); err != nil || !o.Follow || live == nil {
		return ignoreEnough(err)
	}
	return ignoreEnough(r.follow(ctx, live))
}

// errEnough ends reading at LimitBytes.
var errEnough = errors.New("limit reached")

func ignoreEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

type reader struct {
	in      *bufio.Reader
	out     io.Writer
	o       Options
	partial string // the beginning of an entry that is still being written
	written int64
}

// past writes what is in the file now, cut to the tail.
func (r *reader) past() error {
	if r.o.Tail == nil {
		return r.drain(r.emit)
	}
	var ring []string
	tail := max(0, *r.o.Tail)
	keep := func(line string) error {
		if !r.wanted(line) {
			return nil
		}
		ring = append(ring, line)
		if int64(len(ring)) > 2*tail+1 {
			ring = append(ring[:0], ring[int64(len(ring))-tail:]...)
		}
		return nil
	}
	if err := r.drain(keep); err != nil {
		return err
	}
	for _, line := range ring[max(0, int64(len(ring))-tail):] {
		if err := r.emit(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) follow(ctx context.Context, live *Log) error {
	for {
		changed, closed := live.state()
		if err := r.drain(r.emit); err != nil || closed {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// drain gives each complete entry up to the end of the file to each.
func (r *reader) drain(each func(line string) error) error {
	for {
		text, err := r.in.ReadString('\n')
		r.partial += text
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		line := r.partial
		r.partial = ""
		if err := each(line); err != nil {
			return err
		}
	}
}

func (r *reader) wanted(line string) bool {
	_, _, ok := r.render(line)
	return ok
}

// render is what a reader sees of an entry, and whether it is selected.
func (r *reader) render(line string) (stamp, text string, ok bool) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) < 4 {
		return "", "", false
	}
	if r.o.Stream != "" && parts[1] != r.o.Stream {
		return "", "", false
	}
	if !r.o.Since.IsZero() {
		at, err := time.Parse(time.RFC3339Nano, parts[0])
		if err != nil || at.Before(r.o.Since) {
			return "", "", false
		}
	}
	text = parts[3]
	if parts[2] == "P" {
		text = strings.TrimSuffix(text, "\n")
	}
	return parts[0], text, true
}

func (r *reader) emit(line string) error {
	stamp, text, ok := r.render(line)
	if !ok {
		return nil
	}
	if r.o.Timestamps {
		text = stamp + " " + text
	}
	if left := r.o.LimitBytes - r.written; r.o.LimitBytes > 0 && int64(len(text)) > left {
		text = text[:max(left, 0)]
	}
	n, err := io.WriteString(r.out, text)
	r.written += int64(n)
	if err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	if r.o.LimitBytes > 0 && r.written >= r.o.LimitBytes {
		return errEnough
	}
	return nil
}
