package pods

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeExec runs a function as the command.
type fakeExec struct {
	command func(ctx context.Context, s Streams) error
	argv    []string
}

func (p *fakeExec) Exec(ctx context.Context, namespace, pod, container string, command []string, s Streams) error {
	p.argv = append([]string{namespace, pod, container}, command...)
	return p.command(ctx, s)
}

var home = Resident{Name: "ns-x/a", Namespace: "ns-x", Pod: "a", Listen: "80/tcp", Gather: 10 * time.Millisecond}

var errExit = errors.New("command exited with code 1")

// echo repeats its input until that ends.
func echo(_ context.Context, s Streams) error {
	_, err := io.Copy(s.Out, s.In)
	return err
}

func TestDialTalksToTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c := &fakeExec{command: func(ctx context.Context, s Streams) error {
			defer func() { ended = true }()
			return echo(ctx, s)
		}}
		// The stream must outlive the context of the dial.
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := home.Dial(c)(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.WriteString(stream, "ping\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stream).ReadString('\n')
		if err != nil || line != "ping\n" {
			t.Fatalf("read %q, %v", line, err)
		}
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !ended {
			t.Error("the command outlives its stream")
		}
		want := []string{"ns-x", "a", "probe", "/probe", "run", "--name", "ns-x/a", "--listen", "80/tcp", "--gather", "10ms"}
		if !slices.Equal(c.argv, want) {
			t.Errorf("ran %v, want %v", c.argv, want)
		}
	})
}

func TestDialTellsWhyTheCommandEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeExec{command: func(_ context.Context, s Streams) error {
			_, _ = io.WriteString(s.Err, "listen 80/tcp: address in use\n")
			return errExit
		}}
		stream, err := home.Dial(c)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(stream)
		if !errors.Is(err, errExit) || !strings.Contains(err.Error(), "address in use") {
			t.Errorf("read error %v", err)
		}
		if _, err := io.WriteString(stream, "x"); err == nil {
			t.Error("wrote to a command that has ended")
		}
	})
}

// Close must release a reader that waits for a command which does not end.
func TestCloseEndsAHangingCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeExec{command: func(ctx context.Context, _ Streams) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		stream, err := home.Dial(c)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error)
		go func() {
			_, err := stream.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err == nil {
			t.Error("read from a closed stream")
		}
	})
}
