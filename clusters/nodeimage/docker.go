package nodeimage

import (
	"context"
	"fmt"
	"strings"
	"time"
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
