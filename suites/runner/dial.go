package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/fixture"
)

// residence is where a resident prober lives and what it listens on.
type residence struct {
	name, namespace, pod, listen string
}

// Dial is how the resident prober called name is started in the probe container of a
// running pod, to answer on the ports of listen.
func Dial(c clusters.Cluster, name, namespace, pod, listen string) probe.Dial {
	return dial(c, residence{name: name, namespace: namespace, pod: pod, listen: listen}, 0)
}

// dial starts the resident prober by one exec into its pod. The stream outlives the dial's
// context: it ends when it is closed or when the command does.
func dial(c clusters.Cluster, r residence, gather time.Duration) probe.Dial {
	command := []string{"/probe", "run", "--name", r.name}
	if r.listen != "" {
		command = append(command, "--listen", r.listen)
	}
	if gather > 0 {
		command = append(command, "--gather", gather.String())
	}
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		s := &stream{in: inW, out: outR, cancel: cancel}
		go func() {
			var complaints tail
			err := c.Exec(ctx, r.namespace, r.pod, fixture.ProbeContainer, command,
				clusters.Streams{In: inR, Out: outW, Err: &complaints})
			err = ended(err, &complaints)
			cancel()
			_ = inR.CloseWithError(err) // neither ever fails
			_ = outW.CloseWithError(err)
		}()
		return s, nil
	}
}

// ended is why a resident prober ended, with what it said on standard error.
func ended(err error, complaints *tail) error {
	if err == nil {
		return io.EOF
	}
	return fmt.Errorf("resident prober ended: %w%s", err, complaints.suffix())
}

// stream is the standard input and output of a resident prober.
type stream struct {
	in     *io.PipeWriter
	out    *io.PipeReader
	cancel context.CancelFunc
}

func (s *stream) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.in.Write(p) }

// Close ends the prober by the end of its standard input, and whoever still reads.
func (s *stream) Close() error {
	defer s.cancel()
	return errors.Join(s.in.Close(), s.out.Close())
}

// tail keeps the last of what was written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 1 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(len(t.text)-tailSize, 0):]
	return len(p), nil
}

func (t *tail) suffix() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := strings.TrimSpace(string(t.text)); text != "" {
		return ": " + text
	}
	return ""
}
