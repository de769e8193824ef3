// Command enforcer is the reference enforcer's agent: one process per node, in the node's
// network namespace. It exits with 0 when it was told to end, 1 when it could not go on,
// and 2 when the command line is wrong or the node lacks what it needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "enforcer: %v\n", err)
	var failure *runtimeError
	if errors.As(err, &failure) {
		return 1
	}
	return 2
}

// runtimeError is a failure of the work itself, not of what was asked for.
type runtimeError struct{ error }

func (e *runtimeError) Unwrap() error { return e.error }
