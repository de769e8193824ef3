package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/exec"
	kindlog "sigs.k8s.io/kind/pkg/log"
)

const (
	// networkVariable tells kind's library which Docker network to use. There is no option.
	networkVariable = "KIND_EXPERIMENTAL_DOCKER_NETWORK"
	removeEvery     = 500 * time.Millisecond
	// createEnds bounds the wait for a creation whose containers are taken from it.
	createEnds = 2 * time.Minute
)

// environment guards networkVariable, as the environment is the process's.
var environment sync.Mutex

// create makes the nodes and Kubernetes on them. Kind's library knows no context, so when
// ctx ends its containers are taken from it until it gives up: none can come after that.
func (c *Cluster) create(ctx context.Context, options ...cluster.CreateOption) error {
	done := make(chan error, 1)
	go func() {
		environment.Lock()
		defer environment.Unlock()
		if err := os.Setenv(networkVariable, c.name); err != nil {
			done <- err
			return
		}
		defer os.Unsetenv(networkVariable)
		done <- c.provider.Create(c.name, options...)
	}()
	select {
	case err := <-done:
		return c.explained(ctx, err)
	case <-ctx.Done():
	}
	return errors.Join(ctx.Err(), c.takeAway(context.WithoutCancel(ctx), done))
}

// takeAway removes containers until done.
func (c *Cluster) takeAway(ctx context.Context, done <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, createEnds)
	defer cancel()
	for {
		err := c.docker.removeContainers(ctx, c.name)
		select {
		case gaveUp := <-done: // of our doing
			fmt.Fprintf(c.log, "creation ended: %v\n", gaveUp)
			return nil
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("end creation of cluster %s: kind does not give up", c.name), err)
		case <-time.After(removeEvery):
		}
	}
}

// explained is an error of kind's library with the end of what its command said.
func (c *Cluster) explained(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	run := exec.RunErrorForError(err)
	if run == nil {
		return fmt.Errorf("create cluster %s: %w", c.name, err)
	}
	fmt.Fprintf(c.log, "error: %s\n%s\n", run.PrettyCommand(), run.Output) // all of it
	where := ""
	if c.cfg.LogDir != "" {
		where = " (see kind.log in " + c.cfg.LogDir + ")"
	}
	return fmt.Errorf("create cluster %s: %s: %w: %s%s",
		c.name, strings.Join(run.Command[:min(2, len(run.Command))], " "), run.Inner, lastLines(string(run.Output), 3), where)
}

// lastLines are the last n lines of a text that say something, in one.
func lastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// logger writes what kind's library has to say to the log, a line at once: files are safe
// for concurrent use.
type logger struct{ io.Writer }

func (l logger) Warn(message string)              { fmt.Fprintln(l, "warning:", message) }
func (l logger) Warnf(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) }
func (l logger) Error(message string)             { fmt.Fprintln(l, "error:", message) }
func (l logger) Errorf(format string, args ...any) {
	l.Error(fmt.Sprintf(format, args...))
}
func (l logger) V(level kindlog.Level) kindlog.InfoLogger { return info{l, level <= 1} }

// info is one level of the logger.
type info struct {
	l       logger
	enabled bool
}

func (i info) Info(message string) {
	if i.enabled {
		fmt.Fprintln(i.l, strings.TrimSpace(message))
	}
}
func (i info) Infof(format string, args ...any) { i.Info(fmt.Sprintf(format, args...)) }
func (i info) Enabled() bool                    { return i.enabled }
