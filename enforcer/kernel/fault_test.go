package kernel_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
)

// TestFaults is scenario 5: each command of a sync fails in turn. What was in force stays
// or has been replaced whole, and the next sync makes it right.
func TestFaults(t *testing.T) {
	from, to := cluster([]string{"10.9.0.0/16"}, "10.0.1.2"), cluster([]string{"10.11.0.0/16"}, "10.0.1.3")
	for n := 1; ; n++ {
		f := fake.New()
		k := kernel.New(kernel.Options{Runner: f})
		sync(t, k, from, nil)
		calls := 0
		f.Fault = func([]string) error {
			if calls++; calls == n {
				return errors.New("some tool v1.2: no")
			}
			return nil
		}
		_, err := k.Sync(context.Background(), to, kernel.Hints{})
		if calls < n {
			if n < 5 {
				t.Fatalf("a sync takes %d commands only: nothing was tested", n)
			}
			return
		}
		var run *kernel.RunError
		if !errors.As(err, &run) || !strings.Contains(err.Error(), "some tool v1.2: no") {
			t.Errorf("command %d failed and the sync said %v", n, err)
		}
		f.Fault = nil
		sync(t, k, to, nil)
		history{}.wantClean(t, uint64(n), f, to)
	}
}

// TestRestoreThatLies: a tool that says 0 having done nothing is found out, of many chains
// and of one.
func TestRestoreThatLies(t *testing.T) {
	f, lies := fake.New(), false
	k := kernel.New(kernel.Options{Runner: runnerFunc(func(ctx context.Context, c kernel.Command) ([]byte, error) {
		if lies && strings.HasSuffix(c.Argv[0], "-restore") {
			return nil, nil
		}
		return f.Run(ctx, c)
	})})
	for _, p := range []plan.Plan{cluster([]string{"10.9.0.0/16"}, "10.0.1.2"), cluster([]string{"10.11.0.0/16"}, "10.0.1.2")} {
		lies = true
		if _, err := k.Sync(context.Background(), p, kernel.Hints{}); err == nil || !strings.Contains(err.Error(), "check commit") {
			t.Errorf("sync said %v, want that the commit had no effect", err)
		}
		lies = false
		sync(t, k, p, nil)
	}
}

type runnerFunc func(context.Context, kernel.Command) ([]byte, error)

func (f runnerFunc) Run(ctx context.Context, c kernel.Command) ([]byte, error) { return f(ctx, c) }
