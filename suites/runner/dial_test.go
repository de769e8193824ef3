package runner

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

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
)

// pods is a cluster that can only exec: its command is a function.
type pods struct {
	command func(ctx context.Context, s clusters.Streams) error
	argv    []string
}

func (*pods) Name() string             { return "pods" }
func (*pods) REST() *rest.Config       { return nil }
func (*pods) Families() []model.Family { return nil }
func (*pods) Nodes() []string          { return nil }
func (*pods) Image(name string) string { return name }
func (p *pods) Exec(ctx context.Context, namespace, pod, container string, command []string, s clusters.Streams) error {
	p.argv = append([]string{namespace, pod, container}, command...)
	return p.command(ctx, s)
}

var home = residence{name: "ns-x/a", namespace: "ns-x", pod: "a", listen: "80/tcp"}

// echo repeats its input until that ends.
func echo(_ context.Context, s clusters.Streams) error {
	_, err := io.Copy(s.Out, s.In)
	return err
}

func TestDialTalksToTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		c := &pods{command: func(ctx context.Context, s clusters.Streams) error {
			defer func() { ended = true }()
			return echo(ctx, s)
		}}
		// The stream must outlive the context of the dial.
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := dial(c, home, 10*time.Millisecond)(ctx)
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
		c := &pods{command: func(_ context.Context, s clusters.Streams) error {
			_, _ = io.WriteString(s.Err, "listen 80/tcp: address in use\n")
			return &clusters.ExitError{Code: 1}
		}}
		stream, err := dial(c, home, 0)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(stream)
		var exit *clusters.ExitError
		if !errors.As(err, &exit) || !strings.Contains(err.Error(), "address in use") {
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
		c := &pods{command: func(ctx context.Context, _ clusters.Streams) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		stream, err := dial(c, home, 0)(t.Context())
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
