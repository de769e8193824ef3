package pods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/podspec"
)

// Streams are a command's standard streams. A nil stream is /dev/null.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Execer runs commands in containers of running pods, by a way that no policy can cut.
type Execer interface {
	// Exec runs command until it ends or ctx does.
	Exec(ctx context.Context, namespace, pod, container string, command []string, s Streams) error
}

// Resident is a resident prober to be: its name in the fleet, its pod, and what it does
// there.
type Resident struct {
	Name, Namespace, Pod string
	Listen               string        // the ports that it answers on ("80/tcp,80/udp"); "" for none
	Gather               time.Duration // for how long it gathers receipts before it sends them; 0 leaves it to the prober
	// Main says that the prober is the main process of its container, which Command began in
	// the pod's first instant: then it is not started, but reached.
	Main bool
	// Lingers says that it goes on when it is told to end, until it is killed.
	Lingers bool
}

// Dial starts or reaches the resident prober of a running pod. The stream outlives the dial's context:
// it ends when it is closed or when the prober does.
func (r Resident) Dial(c Execer) probe.Dial {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		s := &stream{in: inW, out: outR, cancel: cancel}
		go func() {
			var complaints tail
			err := c.Exec(ctx, r.Namespace, r.Pod, podspec.ContainerName, r.dial(),
				Streams{In: inR, Out: outW, Err: &complaints})
			err = ended(err, &complaints)
			cancel()
			_ = inR.CloseWithError(err) // neither ever fails
			_ = outW.CloseWithError(err)
		}()
		return s, nil
	}
}

func (r Resident) dial() []string {
	if r.Main {
		return []string{"/probe", "attach"}
	}
	return r.run()
}

// Command is the command of the container whose main process the prober is to be. Streams
// are what it sends from its first instant on (see probe.Fleet.Expect).
func (r Resident) Command(streams ...probe.Expected) []string {
	command := append(r.run(), "--detached")
	if r.Lingers {
		command = append(command, "--linger")
	}
	if len(streams) > 0 {
		command = append(command, "--requests", probe.Requests(streams))
	}
	return command
}

func (r Resident) run() []string {
	command := []string{"/probe", "run", "--name", r.Name}
	if r.Listen != "" {
		command = append(command, "--listen", r.Listen)
	}
	if r.Gather > 0 {
		command = append(command, "--gather", r.Gather.String())
	}
	return command
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
