package nodeimage

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/netassay/netassay/internal/process"
)

const loadTime = 5 * time.Minute // bounds a load

// present reports whether Docker has an image. An error is a Docker that doesn't answer.
func present(ctx context.Context, ref string) (bool, error) {
	out, err := run(ctx, "docker", "image", "ls", "--quiet", "--no-trunc", ref)
	if err != nil {
		return false, fmt.Errorf("ask Docker for the node image: %w: make docker-up starts one", err)
	}
	return strings.TrimSpace(string(out)) != "", nil
}

// load gives Docker the image in an archive. It is not interrupted, as the daemon would
// finish it after we have gone; it takes seconds.
func load(ctx context.Context, archive string) error {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	defer cancel()
	if _, err := run(whole, "docker", "load", "--quiet", "--input", archive); err != nil {
		return fmt.Errorf("load the node image: %w", err)
	}
	return ctx.Err()
}

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

// Published is the node image that belongs to the release of kind that this project uses,
// pinned by digest in kind's own module: for machines that reach a registry and people who
// ask for it by --node-image. Nothing falls back to it.
const Published = defaults.Image
