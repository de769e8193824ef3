package incluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
	"github.com/netassay/netassay/internal/flock"
	"github.com/netassay/netassay/internal/process"
)

// Options say what to run, and for how long.
type Options struct {
	Dir  string   // for results, on a volume that Watch shares
	Argv []string // of the experiment, whose result directory is OutPath
	// Deadline is when the experiment is asked to end, and Grace how long it then has to.
	Deadline, Grace time.Duration
	Progress        string    // URL for progress updates; "" is none
	Log             io.Writer // what the experiment prints, and a few lines of our own
}

// OutPath is the result directory of the experiment.
func OutPath(dir string) string { return (&place{dir: dir}).path(OutDir) }

// killed is how long a process that was killed may take to be gone.
const killed = 10 * time.Second

// Run runs an experiment to its end, whichever that is, and leaves results. The error is nil when
// they are there, whatever they say: the verdict is in them. A cancelled ctx asks the experiment
// to end.
func Run(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("make results directory: %w", err)
	}
	p := &place{dir: o.Dir}
	err := p.take()
	if errors.Is(err, flock.ErrHeld) {
		return p.await(ctx)
	}
	if err != nil {
		return fmt.Errorf("lock results directory: %w: mount a volume there that this user can write", err)
	}
	defer p.release()
	var e outcome.Ending
	switch {
	case p.done():
		return nil
	case p.hasBegun():
		e.Failed = "its container was killed, as happens when memory runs out, and started again"
	default:
		if err := p.begin(o.Deadline, o.Grace); err != nil {
			return err
		}
		p.foretell()
		e = o.supervise(ctx, p)
	}
	if p.done() { // Watch gave us up
		return nil
	}
	reason, err := p.finish(e)
	if reason != "" {
		fmt.Fprintf(o.Log, "netassay: unfinished: %s\n", reason)
	}
	return err
}

// await waits for whoever finishes the results of an earlier life of this container.
func (p *place) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if p.until(ctx, DoneFile) != nil {
		return fmt.Errorf("results directory %s is in use by another process", p.dir)
	}
	return nil
}

// supervise runs the experiment and says how it ended. It does not panic.
func (o Options) supervise(ctx context.Context, p *place) (e outcome.Ending) {
	defer func() {
		if r := recover(); r != nil {
			e = outcome.Ending{Failed: fmt.Sprintf("what supervised it failed: %v", r)}
		}
	}()
	log, err := os.OpenFile(p.path(LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return outcome.Ending{Failed: "its log could not be written: " + err.Error()}
	}
	defer log.Close()
	cmd := process.Grouped(context.Background(), o.Argv...) // which is ended here, in order
	cmd.Stdout = io.MultiWriter(lenient{log}, lenient{o.Log})
	cmd.Stderr = cmd.Stdout
	ended, err := process.Begin(cmd)
	if err != nil {
		return outcome.Ending{Failed: "it could not be started: " + err.Error()}
	}
	s := supervision{cmd: cmd, ended: ended, grace: o.Grace, follower: follower{path: p.records()}, poster: newPoster(o.Progress)}
	defer s.poster.close()
	defer func() {
		if !s.over {
			s.signal(syscall.SIGKILL)
		}
	}()
	return s.until(ctx, o.Deadline)
}

// supervision is of one process.
type supervision struct {
	cmd      *exec.Cmd
	ended    <-chan error
	over     bool
	grace    time.Duration
	stopped  string           // why it was asked to end
	kill     <-chan time.Time // when it must be over
	follower follower
	poster   *poster
}

// until waits until the process is over.
func (s *supervision) until(ctx context.Context, deadline time.Duration) outcome.Ending {
	asked, late := ctx.Done(), time.After(deadline)
	var gone <-chan time.Time
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-s.ended: //nolint:errcheck // ending tells by the process's state
			s.over = true
			s.tell()
			return s.ending()
		case <-asked:
			asked = nil
			s.stop(cmp.Or(context.Cause(ctx), ctx.Err()).Error())
		case <-late:
			s.stop(fmt.Sprintf("its deadline of %v was over", deadline))
		case <-s.kill:
			s.signal(syscall.SIGKILL)
			gone, s.kill = time.After(killed), nil
		case <-gone:
			return outcome.Ending{Failed: fmt.Sprintf("it was stopped (%s), and its process could not be killed within %v", s.stopped, killed)}
		case <-tick.C:
			s.tell()
		}
	}
}

// tell tells of progress, if there is some.
func (s *supervision) tell() {
	if s.follower.look() {
		s.poster.post(s.follower.progress.Update())
	}
}

// stop asks the process to end, once.
func (s *supervision) stop(reason string) {
	if s.stopped != "" {
		return
	}
	s.stopped, s.kill = reason, time.After(s.grace)
	s.signal(syscall.SIGTERM)
}

// signal sends a signal to the process and all of its group. One that is over has no group.
func (s *supervision) signal(sig syscall.Signal) { _ = process.SignalGroup(s.cmd, sig) }

// ending is how the process ended.
func (s *supervision) ending() outcome.Ending {
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return outcome.Ending{Failed: "how it ended is not known"}
	case status.Signaled():
		return outcome.Ending{Stopped: s.stopped, Signal: status.Signal().String()}
	}
	return outcome.Ending{Stopped: s.stopped, Code: status.ExitStatus()}
}

// lenient loses what can't be written: an experiment must not end because a disk is full.
type lenient struct{ to io.Writer }

func (l lenient) Write(b []byte) (int, error) {
	_, _ = l.to.Write(b)
	return len(b), nil
}
