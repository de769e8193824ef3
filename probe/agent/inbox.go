//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// inbox takes lines from a stream in a loop. A file is read by the loop itself: a thread that
// waits for it would have to be given the processor by the loop's, and that takes as long as
// the runtime takes to see that the loop waits too, up to 10 ms.
type inbox struct {
	loop  *loop
	take  func(line []byte) error
	ended chan error // gives the end once; nil is that of the stream
	lines wire.Lines
}

func newInbox(l *loop, take func(line []byte) error) *inbox {
	return &inbox{loop: l, take: take, ended: make(chan error, 1)}
}

// open begins to read. Call it before the loop runs.
func (i *inbox) open(in io.Reader) {
	if f, ok := in.(*os.File); ok && i.watch(f) == nil {
		return
	}
	go i.pull(in) // ends with the process when in never does
}

// watch has the loop read a file, if it is one that can be waited for.
func (i *inbox) watch(f *os.File) error {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return err
	}
	syscall.CloseOnExec(fd)
	buf := make([]byte, 64<<10)
	err = i.loop.add(fd, evIn, func(uint32) {
		n, err := syscall.Read(fd, buf) // does not block: there is something, or an end
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN) {
			return
		}
		if i.feed(buf[:max(n, 0)], n <= 0, err) {
			i.loop.close(fd)
		}
	})
	if err != nil {
		_ = syscall.Close(fd)
	}
	return err
}

// pull reads a stream that can't be waited for.
func (i *inbox) pull(in io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		chunk := slices.Clone(buf[:n])
		i.loop.post(func() { i.feed(chunk, err != nil, err) })
		if err != nil {
			return
		}
	}
}

// feed takes the lines that a chunk completes, and reports whether that was all: the stream
// has ended, or a line can't be taken. A last line without its end was cut off and is none.
func (i *inbox) feed(chunk []byte, last bool, err error) (over bool) {
	i.lines.Add(chunk)
	switch taken := i.takeLines(); {
	case taken != nil:
		err = taken
	case !last:
		return false
	case errors.Is(err, io.EOF):
		err = nil
	case err != nil:
		err = fmt.Errorf("read requests: %w", err)
	}
	select {
	case i.ended <- err:
	default: // it has ended before
	}
	return true
}

func (i *inbox) takeLines() error {
	for {
		line, ok, err := i.lines.Next()
		if err != nil {
			return fmt.Errorf("read requests: %w", err)
		}
		if !ok {
			return nil
		}
		if err := i.take(line); err != nil {
			return err
		}
	}
}
