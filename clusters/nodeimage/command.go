package nodeimage

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/netassay/netassay/internal/process"
)

// run runs a command to its end, with all its children killed when ctx ends, and returns
// what it wrote to its standard output. The error has the end of what it said.
func run(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := process.Grouped(ctx, argv...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := process.Output(cmd)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", argv[0], ctx.Err())
	}
	return nil, fmt.Errorf("run %s: %w: %s", argv[0], err, tail(said.String()+"\n"+string(out)))
}

// tail is the last few lines of a command's output, in one.
func tail(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}
