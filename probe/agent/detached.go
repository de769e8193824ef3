package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// meetingPoint is where a detached prober waits for the harness: a name in the pod's network
// namespace, which no file system has to hold and no packet filter sees.
const meetingPoint = "@netassay-probe"

// runDetached is a prober that is there before anybody asks: from the first instant of its
// pod it answers others, and does what requests say. What it has to tell waits for the
// harness, with whose stream it ends.
func runDetached(ctx context.Context, cfg Config, requests, at string) error {
	p, err := newParty(at)
	if err != nil {
		return fmt.Errorf("wait for the harness: %w", err)
	}
	defer context.AfterFunc(ctx, p.leave)()
	defer p.close()
	return Run(ctx, cfg, io.MultiReader(strings.NewReader(requests), p), p)
}

// party is the harness's stream, once it has come.
type party struct {
	listener int
	came     chan struct{} // closed when conn, or err, is there
	conn     *os.File
	err      error
}

func newParty(at string) (*party, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: at}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := syscall.Listen(fd, 1); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	p := &party{listener: fd, came: make(chan struct{})}
	go p.await()
	return p, nil
}

func (p *party) await() {
	defer close(p.came)
	fd, _, err := syscall.Accept4(p.listener, syscall.SOCK_CLOEXEC)
	if err != nil {
		p.err = os.NewSyscallError("accept", err)
		return
	}
	p.conn = os.NewFile(uintptr(fd), "harness")
}

func (p *party) Read(b []byte) (int, error)  { return p.with(b, (*os.File).Read) }
func (p *party) Write(b []byte) (int, error) { return p.with(b, (*os.File).Write) }

func (p *party) with(b []byte, do func(*os.File, []byte) (int, error)) (int, error) {
	<-p.came
	if p.err != nil {
		return 0, p.err
	}
	return do(p.conn, b)
}

// leave ends the wait for a harness that never came.
func (p *party) leave() { _ = syscall.Shutdown(p.listener, syscall.SHUT_RDWR) }

// close ends all that there is of it.
func (p *party) close() {
	p.leave()
	<-p.came
	_ = syscall.Close(p.listener)
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// attach joins two streams to the detached prober of this network namespace, until one of
// them ends.
func attach(at string, in io.Reader, out io.Writer) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: at})
	}
	if err != nil {
		return fmt.Errorf("reach the prober of this pod: %w", err)
	}
	conn := os.NewFile(uintptr(fd), "prober")
	go func() {
		_, _ = io.Copy(conn, in)
		_ = syscall.Shutdown(fd, syscall.SHUT_WR) // which ends the prober
	}()
	_, err = io.Copy(out, conn)
	return err
}
