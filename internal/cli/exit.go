package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/netassay/netassay/clusters/kind"
)

// The exit codes.
const (
	exitPass        = 0   // every verdict passed
	exitFail        = 1   // the run did its work, and verdicts failed
	exitBroken      = 2   // the run itself failed, or the command line is wrong
	exitInterrupted = 130 // Ctrl-C: cleaned up, nothing judged
)

// codeError ends the command with a code, in silence.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// withCode is an error that ends the command silently with code; nil for 0.
func withCode(code int) error {
	if code == exitPass {
		return nil
	}
	return codeError(code)
}

// exitCode prints what there is to say about err, a line for each error that it joins, and returns the code.
func exitCode(ctx context.Context, err error, w io.Writer) int {
	var code codeError
	var left *kind.LeftError
	if errors.As(err, &left) {
		fmt.Fprintf(w, "netassay: %v\n", left)
	}
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &code):
		return int(code)
	case left != nil && errors.Is(ctx.Err(), context.Canceled):
		return exitInterrupted
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "netassay: interrupted; everything has been cleaned up")
		return exitInterrupted
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(w, "netassay: %s\n", line)
		}
		return exitBroken
	}
}
