package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/enforcer/watch"
)

// Status is what the agent says of itself, in /readyz and in the status file.
type Status struct {
	PID         int       `json:"pid"`
	Ready       bool      `json:"ready"`           // in sync, and the last sync succeeded
	Reason      string    `json:"reason"`          // why not ready; "" when it is
	Syncs       int       `json:"syncs"`           // that succeeded since the start
	LastSuccess time.Time `json:"lastSuccess"`     // of a sync
	Problems    int       `json:"untranslatable"`  // pieces of policies that allow nothing
	Ahead       []string  `json:"ahead,omitempty"` // rules of others that can let packets by

	Degraded []string `json:"degraded,omitempty"` // what does not work, although policies are enforced otherwise
}

// status holds the Status and who wants to know.
type status struct {
	mu   sync.Mutex
	now  Status
	file string // "" is none
	log  *slog.Logger
	beat time.Time // when the loop was last seen alive

	pending time.Time                // since when a change waits for the kernel; zero: none does
	silent  map[watch.Kind]time.Time // since when requests for a kind fail
}

func newStatus(file string, log *slog.Logger) *status {
	return &status{file: file, log: log, silent: map[watch.Kind]time.Time{}, now: Status{PID: os.Getpid(), Reason: "waiting for the first list from the API server"}}
}

func (s *status) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = now
}

// waiting notes since when a change waits for the kernel.
func (s *status) waiting(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = since
}

// away notes whether requests for a kind fail.
func (s *status) away(k watch.Kind, failing bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, before := s.silent[k]; {
	case !failing:
		delete(s.silent, k)
	case !before:
		s.silent[k] = now
	}
}

const (
	// stuckAfter is how long the loop may be silent before /healthz says so. It is
	// longer than any single tool may take.
	stuckAfter = 5 * time.Minute
	// staleAfter is how old what is in force may be before /readyz says so.
	staleAfter = time.Minute
)

// alive says why the agent should be started anew, "" when it should not.
func (s *status) alive(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if silence := now.Sub(s.beat); silence > stuckAfter {
		return fmt.Sprintf("main loop stuck for %s", silence.Round(time.Second))
	}
	return ""
}

// ready says why what is in force is not what should be, "" when it is.
func (s *status) ready(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.now.Ready {
		return s.now.Reason
	}
	if wait := now.Sub(s.pending); !s.pending.IsZero() && wait > staleAfter {
		return fmt.Sprintf("a change has been waiting to be enforced for %s", wait.Round(time.Second))
	}
	if len(s.now.Ahead) > 0 {
		return "rules ahead of ours can let packets by: " + strings.Join(s.now.Ahead, "; ")
	}
	if len(s.now.Degraded) > 0 {
		return "degraded: " + strings.Join(s.now.Degraded, "; ")
	}
	for _, k := range watch.Kinds() {
		if since, ok := s.silent[k]; ok && now.Sub(since) > staleAfter {
			return fmt.Sprintf("watch of %s failing for %s; keeping last known state", k, now.Sub(since).Round(time.Second))
		}
	}
	return ""
}

// degrade notes that something does not work, or does again. It reports whether that is news.
func (s *status) degrade(what string, on bool) (news bool) {
	s.set(func(now *Status) {
		if news = slices.Contains(now.Degraded, what) != on; !news {
			return
		}
		now.Degraded = slices.DeleteFunc(slices.Clone(now.Degraded), func(w string) bool { return w == what })
		if on {
			now.Degraded = append(now.Degraded, what)
		}
	})
	return news
}

// set changes the status and writes the file, whole or not at all.
func (s *status) set(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
	if s.file == "" {
		return
	}
	whole := s.file + ".new"
	text, err := json.Marshal(s.now)
	if err == nil {
		err = os.WriteFile(whole, append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(whole, s.file)
	}
	if err != nil {
		s.log.Warn("can't write status file", "error", err)
	}
}
