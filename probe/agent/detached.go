//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// meetingPoint is where a detached prober waits for the harness: a name in the pod's network
// namespace, which no file system has to hold and no packet filter sees.
const meetingPoint = "@netassay-probe"

// runDetached is a prober that is there before anybody asks: from the first instant of its
// pod it answers others, and does what requests say. What it has to tell waits for the
// harness. When the harness's stream ends, as one that the network has cut does, it waits for
// the next: a pod does not end with a stream to it, but when a request says so.
func runDetached(ctx context.Context, cfg Config, requests, at string) error {
	listener, err := listenAt(at)
	if err != nil {
		return fmt.Errorf("wait for the harness: %w", err)
	}
	defer func() { _ = syscall.Close(listener) }()
	leave := func() { _ = syscall.Shutdown(listener, syscall.SHUT_RDWR) }
	defer context.AfterFunc(ctx, leave)()
	for {
		p := await(listener)
		err := Run(ctx, cfg, io.MultiReader(strings.NewReader(requests), p), p)
		if ctx.Err() != nil || !p.met() || errors.Is(err, errEnd) {
			leave()
			p.close()
			return err
		}
		p.close()
		requests = "" // what was asked before anybody came is done once
	}
}

func listenAt(at string) (listener int, err error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: at}); err != nil {
		return 0, os.NewSyscallError("bind", errors.Join(err, syscall.Close(fd)))
	}
	if err := syscall.Listen(fd, 1); err != nil {
		return 0, os.NewSyscallError("listen", errors.Join(err, syscall.Close(fd)))
	}
	return fd, nil
}

// party is the harness's stream, once it has come.
type party struct {
	came chan struct{} // closed when conn, or err, is there
	conn *os.File
	err  error
}

// await is the next that comes.
func await(listener int) *party {
	p := &party{came: make(chan struct{})}
	go func() {
		defer close(p.came)
		fd, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
		if err != nil {
			p.err = os.NewSyscallError("accept", err)
			return
		}
		p.conn = os.NewFile(uintptr(fd), "harness")
	}()
	return p
}

// met reports whether the harness has come.
func (p *party) met() bool {
	select {
	case <-p.came:
		return p.err == nil
	default:
		return false
	}
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

// close ends the stream. Of one that has not come it waits for the listener's end.
func (p *party) close() {
	<-p.came
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// attach joins two streams to the detached prober of this network namespace, until one of
// them ends.
func attach(at string, in io.Reader, out io.Writer) error {
	fd, err := reach(at)
	if err != nil {
		return fmt.Errorf("reach the prober of this pod: %w", err)
	}
	conn := os.NewFile(uintptr(fd), "prober")
	go func() {
		_, _ = io.Copy(conn, in)
		_ = syscall.Shutdown(fd, syscall.SHUT_WR) // which ends the prober's part
	}()
	_, err = io.Copy(out, conn)
	return err
}

// listens is how long a prober may take to listen: a container is said to run before its program
// has done anything.
const listens = 5 * time.Second

// reach connects to the prober, as soon as it listens.
func reach(at string) (fd int, err error) {
	for deadline := time.Now().Add(listens); ; <-time.After(10 * time.Millisecond) {
		fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		if err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: at}); err == nil {
			return fd, nil
		}
		_ = syscall.Close(fd)
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(deadline) {
			return 0, err
		}
	}
}
