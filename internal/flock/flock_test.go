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

// Once works when there is something to do, also where two want the same, and only then.
func TestOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "lock")
	worked := 0
	once := func() error {
		return Once(t.Context(), path, func() bool { return worked > 0 }, func(string) {}, func() error {
			if worked++; worked == 1 {
				l, err := Acquire(t.Context(), path, func() bool { return true }, func(string) {})
				if err != nil || l != nil {
					t.Errorf("got %v, %v while another works, want no lock", l, err)
				}
			}
			return nil
		})
	}
	for range 2 {
		if err := once(); err != nil {
			t.Fatal(err)
		}
	}
	if worked != 1 {
		t.Errorf("worked %d times, want once", worked)
	}
	broken := errors.New("broken")
	if err := Once(t.Context(), path, func() bool { return false }, func(string) {}, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the work", err)
	}
}
