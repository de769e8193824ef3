package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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
	master, slave, err := openTerminal()
	if err != nil {
		return nil, err
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

// openTerminal opens a terminal whose master the runtime's poller watches. The library's
// own file is in blocking mode: a read from it could not be ended while some process holds
// on to the terminal.
func openTerminal() (master, slave *os.File, err error) {
	blocking, slave, err := pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	defer blocking.Close()
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		slave.Close()
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), "terminal"), slave, nil
}

// setSize changes the size of the terminal unless it is closed.
func setSize(terminal *os.File, size *unix.Winsize) {
	conn, err := terminal.SyscallConn()
	if err != nil {
		return
	}
	// The only errors are those of a terminal that is closed.
	_ = conn.Control(func(fd uintptr) {
		_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size)
	})
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
