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

	corev1 "k8s.io/api/core/v1"
)

// Read copies the entries of the log file at path to w, by o's follow, timestamps, tailLines
// and sinceTime. When it follows it goes on until live is closed or ctx ends; live may be nil
// for a run that has ended. A follower that is interrupted by ctx is not an error.
func Read(ctx context.Context, path string, live *Log, o *corev1.PodLogOptions, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer f.Close()
	r := &reader{in: bufio.NewReader(f), o: o}
	emit := func(text string) error {
		_, err := io.WriteString(w, text)
		return err
	}
	if err := r.past(emit); err != nil || !o.Follow || live == nil {
		return err
	}
	return r.follow(ctx, live, emit)
}

type reader struct {
	in      *bufio.Reader
	o       *corev1.PodLogOptions
	partial string // the beginning of an entry that is still being written
}

// past emits what is in the file now, cut to the tail.
func (r *reader) past(emit func(text string) error) error {
	if r.o.TailLines == nil {
		return r.drain(emit)
	}
	var last []string
	err := r.drain(func(text string) error {
		last = append(last, text)
		last = last[max(0, int64(len(last))-*r.o.TailLines):]
		return nil
	})
	if err != nil {
		return err
	}
	return emit(strings.Join(last, ""))
}

func (r *reader) follow(ctx context.Context, live *Log, emit func(text string) error) error {
	for {
		changed, closed := live.state()
		if err := r.drain(emit); err != nil || closed {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// drain gives what a reader sees of each complete entry up to the end of the file to each.
func (r *reader) drain(each func(text string) error) error {
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
		if text, ok := r.render(line); ok {
			if err := each(text); err != nil {
				return fmt.Errorf("write log: %w", err)
			}
		}
	}
}

// render is what a reader sees of an entry, and whether it is selected.
func (r *reader) render(line string) (text string, ok bool) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) < 4 {
		return "", false
	}
	if r.o.SinceTime != nil {
		at, err := time.Parse(time.RFC3339Nano, parts[0])
		if err != nil || at.Before(r.o.SinceTime.Time) {
			return "", false
		}
	}
	text = parts[3]
	if parts[2] == "P" {
		text = strings.TrimSuffix(text, "\n")
	}
	if r.o.Timestamps {
		text = parts[0] + " " + text
	}
	return text, true
}
