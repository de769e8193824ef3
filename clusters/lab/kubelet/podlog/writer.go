package podlog

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// maxLine is the longest text of one entry; a longer line is split into partial entries.
const maxLine = 16 << 10

// Log is the output of one run of a container.
type Log struct {
	now func() time.Time

	mu      sync.Mutex
	file    *os.File
	changed chan struct{} // closed and replaced whenever entries were written, and at the end
	closed  bool
	streams []*stream
}

// Create makes the log file and its directories.
func Create(path string, now func() time.Time) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	return &Log{now: now, file: f, changed: make(chan struct{})}, nil
}

// Stream is the writer for "stdout" or "stderr".
func (l *Log) Stream(name string) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &stream{log: l, name: name}
	l.streams = append(l.streams, s)
	return s
}

// stream collects lines. Its fields are guarded by log.mu.
type stream struct {
	log  *Log
	name string
	rest []byte // an incomplete last line
}

// Write never fails and never blocks on a reader: a container must not be stopped by its
// log.
func (s *stream) Write(p []byte) (int, error) {
	l := s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(p), nil
	}
	if s.collect(p) {
		l.signal()
	}
	return len(p), nil
}

// collect writes an entry per complete line and keeps the rest; true if it wrote any.
func (s *stream) collect(p []byte) bool {
	now := s.log.now()
	var out bytes.Buffer
	for len(p) > 0 {
		line, rest, complete := bytes.Cut(p, []byte("\n"))
		p = rest
		s.rest = append(s.rest, line...)
		for len(s.rest) > maxLine {
			entry(&out, now, s.name, "P", s.rest[:maxLine])
			s.rest = append(s.rest[:0], s.rest[maxLine:]...)
		}
		if complete {
			entry(&out, now, s.name, "F", s.rest)
			s.rest = s.rest[:0]
		}
	}
	if out.Len() == 0 {
		return false
	}
	// A full disk loses log lines; the container runs on, as under any runtime.
	_, _ = s.log.file.Write(out.Bytes())
	return true
}

func entry(out *bytes.Buffer, at time.Time, stream, tag string, text []byte) {
	fmt.Fprintf(out, "%s %s %s ", at.UTC().Format(time.RFC3339Nano), stream, tag)
	out.Write(text)
	out.WriteByte('\n')
}

func (l *Log) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Close writes incomplete lines and ends the log for its readers.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var out bytes.Buffer
	for _, s := range l.streams {
		if len(s.rest) > 0 {
			entry(&out, l.now(), s.name, "P", s.rest)
		}
	}
	_, err := l.file.Write(out.Bytes())
	close(l.changed)
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// state says what to wait for: the channel is closed at the next change.
func (l *Log) state() (changed <-chan struct{}, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed, l.closed
}
