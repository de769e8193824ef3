package kubelet

import (
	"context"
	"errors"
	"io"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"github.com/netassay/netassay/clusters"
)

// streamer serves one exec or attach request.
type streamer struct {
	c    running
	opts *remotecommand.Options
}

// ExecInContainer implements remotecommand.Executor.
func (s streamer) ExecInContainer(ctx context.Context, _, _, _ string, cmd []string, in io.Reader, out, errs io.WriteCloser,
	_ bool, resize <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	r := s.request(in, out, errs, resize)
	r.argv = cmd
	err := s.c.exec(ctx, r)
	var exit *clusters.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: err, Code: exit.Code}
	}
	return err
}

// AttachContainer implements remotecommand.Attacher.
func (s streamer) AttachContainer(ctx context.Context, _, _, _ string, in io.Reader, out, errs io.WriteCloser,
	_ bool, resize <-chan remotecommand.TerminalSize,
) error {
	return s.c.attach(ctx, s.request(in, out, errs, resize))
}

// request leaves out the streams that the client did not ask for: over WebSockets they
// exist nevertheless.
func (s streamer) request(in io.Reader, out, errs io.Writer, resize <-chan remotecommand.TerminalSize) execRequest {
	r := execRequest{tty: s.opts.TTY, resize: resize}
	if s.opts.Stdin {
		r.in = in
	}
	if s.opts.Stdout {
		r.out = out
	}
	if s.opts.Stderr {
		r.err = errs
	}
	return r
}
