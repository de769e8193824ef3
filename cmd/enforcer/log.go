package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// newLogger writes JSON lines to standard error. What client-go says is passed on, with
// repetitions left out: it logs each of its attempts, and the agent already says, ever
// less often, that the API server is away.
func newLogger(level slog.Level) *slog.Logger {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	klog.SetSlogLogger(slog.New(newSparse(handler, time.Minute)).With("source", "client-go"))
	return slog.New(handler)
}

// sparse drops a record when one with the same message and source passed recently.
type sparse struct {
	slog.Handler
	every time.Duration
	seen  *seen
	key   string // of the attributes that tell sources apart
}

type seen struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// maxSeen bounds the memory for messages; client-go has a few dozen.
const maxSeen = 1000

func newSparse(h slog.Handler, every time.Duration) *sparse {
	return &sparse{Handler: h, every: every, seen: &seen{last: map[string]time.Time{}}}
}

// Handle passes on the first record of its kind in a while.
func (s *sparse) Handle(ctx context.Context, r slog.Record) error {
	key := s.key + "\x00" + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "reflector" {
			key += "\x00" + a.Value.String()
		}
		return true
	})
	if !s.seen.pass(key, r.Time, s.every) {
		return nil
	}
	if err := s.Handler.Handle(ctx, r); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

func (s *seen) pass(key string, now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[key]; ok && now.Sub(last) < every {
		return false
	}
	if len(s.last) >= maxSeen {
		clear(s.last)
	}
	s.last[key] = now
	return true
}

// WithAttrs and WithGroup keep the derived handlers sparse.
func (s *sparse) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &sparse{Handler: s.Handler.WithAttrs(attrs), every: s.every, seen: s.seen, key: s.key + fmt.Sprint(attrs)}
}

// WithGroup implements slog.Handler.
func (s *sparse) WithGroup(name string) slog.Handler {
	return &sparse{Handler: s.Handler.WithGroup(name), every: s.every, seen: s.seen, key: s.key + name}
}
