package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/creack/pty"
)

// streams is our side of a process's standard streams.
type streams struct {
	child   []io.Closer // the child's ends, closed in this process after the start
	ours    []io.Closer // our ends, closed after the end
	run     []func()    // copiers that end by themselves when ours are closed
	drained sync.WaitGroup
	tty     *os.File
}

// connect sets the command's streams.
func connect(cmd *exec.Cmd, c Command) (*streams, error) {
	if c.TTY {
		return connectTTY(cmd, c)
	}
	cmd.Stdout, cmd.Stderr = c.Out, c.Err
	s := &streams{}
	if c.In == nil {
		return s, nil
	}
	// A pipe of our own: exec.Cmd would wait for the reader, which may never end.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open standard input: %w", err)
	}
	cmd.Stdin = r
	s.child = append(s.child, r)
	s.ours = append(s.ours, w)
	s.run = append(s.run, func() {
		// The process may close its input whenever it likes.
		_, _ = io.Copy(w, c.In)
		w.Close()
	})
	return s, nil
}

func connectTTY(cmd *exec.Cmd, c Command) (*streams, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open terminal: %w", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty = true
	s := &streams{child: []io.Closer{slave}, ours: []io.Closer{master}, tty: master}
	if c.In != nil {
		s.run = append(s.run, func() {
			if _, err := io.Copy(master, c.In); err == nil {
				// The end of input, as a terminal says it.
				_, _ = master.Write([]byte{4})
			}
		})
	}
	out := c.Out
	if out == nil {
		out = io.Discard
	}
	s.drained.Add(1)
	s.run = append(s.run, func() {
		defer s.drained.Done()
		// A terminal whose last user is gone reads as EIO.
		_, _ = io.Copy(out, master)
	})
	return s, nil
}

func (s *streams) started() {
	closeAll(s.child)
	for _, fn := range s.run {
		go fn()
	}
}

// abandon is for a process that did not start.
func (s *streams) abandon() {
	closeAll(s.child)
	closeAll(s.ours)
}

// finished reads the terminal to its end, within drainTime, and closes our ends.
func (s *streams) finished() {
	if s.tty != nil {
		_ = s.tty.SetReadDeadline(time.Now().Add(drainTime))
		s.drained.Wait()
	}
	closeAll(s.ours)
}

func closeAll(files []io.Closer) {
	for _, f := range files {
		f.Close()
	}
}
