package terminaltest

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience is how long a test waits for a picture.
const patience = time.Minute

// Terminal is a pseudo-terminal and what it shows.
type Terminal struct {
	// File is what programs write to. It is closed by End.
	File *os.File

	t      testing.TB
	master *os.File
	read   chan struct{} // closed when all was read

	mu      sync.Mutex
	raw     strings.Builder
	picture picture
}

// Open opens a terminal of that many columns, with TERM set and neither CI nor NO_COLOR.
func Open(t testing.TB, columns int) *Terminal {
	t.Helper()
	for name, value := range map[string]string{"TERM": "xterm-256color", "CI": "", "NO_COLOR": ""} {
		t.Setenv(name, value)
	}
	master, file, err := pty.Open()
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	s := &Terminal{File: file, t: t, master: master, read: make(chan struct{})}
	s.Resize(columns)
	go s.follow()
	t.Cleanup(func() { s.end(); _ = master.Close() })
	return s
}

// Resize makes the terminal as wide; lines that no longer fit are broken, as most terminals do.
func (s *Terminal) Resize(columns int) {
	s.t.Helper()
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: 24, Cols: uint16(columns)}); err != nil {
		s.t.Fatalf("resize the terminal: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.resize(columns)
}

func (s *Terminal) follow() {
	defer close(s.read)
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		s.mu.Lock()
		s.raw.Write(buffer[:n])
		s.picture.write(string(buffer[:n]))
		s.mu.Unlock()
		if err != nil {
			return // EIO, when nobody can write any more
		}
	}
}

// Await waits until the picture is as wanted, and gives it.
func (s *Terminal) Await(wanted func(lines []string) bool) []string {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		lines := s.lines()
		if wanted(lines) {
			return lines
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal shows\n%s", strings.Join(lines, "\n"))
		}
		<-time.After(5 * time.Millisecond)
	}
}

// End closes the terminal and gives all lines that are left on it.
func (s *Terminal) End() []string {
	s.t.Helper()
	s.end()
	lines := s.lines()
	if odd := s.picture.odd; len(odd) > 0 {
		s.t.Errorf("escape sequences that no picture can be made of: %q", odd)
	}
	return lines
}

func (s *Terminal) end() {
	_ = s.File.Close() // the second time it is closed
	<-s.read
}

// Raw is all that was written.
func (s *Terminal) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

func (s *Terminal) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, row := range s.picture.rows {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = slices.Delete(lines, len(lines)-1, len(lines))
	}
	return lines
}
