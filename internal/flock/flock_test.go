package flock

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestWaitingEndsWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Acquire(t.Context(), path, nil, func(string) { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Acquire(ctx, path, nil, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
