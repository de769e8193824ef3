package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Status is what the agent says of itself, in /readyz and in the status file.
type Status struct {
	PID         int       `json:"pid"`
	Ready       bool      `json:"ready"`          // in sync, and the last sync succeeded
	Reason      string    `json:"reason"`         // why not ready; "" when it is
	Syncs       int       `json:"syncs"`          // that succeeded since the start
	LastSuccess time.Time `json:"lastSuccess"`    // of a sync
	Problems    int       `json:"untranslatable"` // pieces of policies that allow nothing
}

// status holds the Status and who wants to know.
type status struct {
	mu   sync.Mutex
	now  Status
	file string    // "" is none
	beat time.Time // when the loop was last seen alive
}

func newStatus(file string) *status {
	return &status{file: file, now: Status{PID: os.Getpid(), Reason: "waiting for the first list from the API server"}}
}

func (s *status) get() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *status) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = now
}

func (s *status) lastBeat() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beat
}

// set changes the status and writes the file, whole or not at all.
func (s *status) set(change func(*Status)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
	if s.file == "" {
		return nil
	}
	text, err := json.Marshal(s.now)
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return writeAtomically(s.file, append(text, '\n'))
}

func writeAtomically(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write status file: %w", err)
	}
	_, err = tmp.Write(data)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write status file: %w", err)
	}
	return nil
}
