//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/netassay/netassay/internal/sandbox"
)

// Engines starts the engine of that name on the nodes of a lab and returns when it is at
// work. The engine ends with the lab.
type Engines func(ctx context.Context, l *Lab, name string) error

// ServeIfAsked plays the part of a lab when Up re-executed the program for it, and does
// then not return. It is the second line of main, after sandbox.InitIfAsked. A nil engines
// starts none.
func ServeIfAsked(engines Engines) {
	text := os.Getenv(serveVar)
	if text == "" || !sandbox.Inside() {
		return
	}
	// What the lab runs is not the lab.
	os.Unsetenv(serveVar)
	if err := serve(text, engines); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the lab that text orders until a signal ends it.
func serve(text string, engines Engines) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("decode order: %w", err)
	}
	files := sandbox.ExtraFiles()
	if len(files) != 3 {
		return fmt.Errorf("serve lab: %d files handed in, want 3", len(files))
	}
	door, err := net.FileListener(files[0])
	if err != nil {
		return fmt.Errorf("open door: %w", err)
	}
	files[0].Close()
	// The lock is held by being open, until this process ends.
	lock, progress := files[1], files[2]
	defer lock.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	l, err := startServed(ctx, o, door, progress, engines)
	if err != nil {
		return err
	}
	awaitSignal(ctx, l, o.Dir)
	return l.Close()
}

func startServed(ctx context.Context, o order, door net.Listener, progress *os.File, engines Engines) (*Lab, error) {
	defer progress.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tell := func(line string) {
		fmt.Println(line)
		if _, err := fmt.Fprintln(progress, line); err != nil {
			cancel(errors.New("the command that asked for the lab has ended"))
		}
	}
	cfg := o.Config
	cfg.LogDir, cfg.Door, cfg.Progress = filepath.Join(o.Dir, logsDir), door, tell
	cfg.Kubeconfig = filepath.Join(o.Dir, kubeconfigFile)
	l, err := Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if engines != nil {
		if err := engines(ctx, l, o.Engine); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		tell("engine " + o.Engine + " is at work")
	}
	seconds := strconv.FormatFloat(l.ReadyAfter().Seconds(), 'f', 3, 64)
	err = replace(filepath.Join(o.Dir, readyFile), []byte(seconds))
	if err == nil {
		_, err = fmt.Fprintln(progress, readyLine)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("report ready: %w", err), l.Close())
	}
	return l, nil
}

// awaitSignal waits for a signal. A program that dies makes the lab broken, which is told but
// does not end it: somebody may want to look.
func awaitSignal(ctx context.Context, l *Lab, dir string) {
	select {
	case <-ctx.Done():
		return
	case err := <-l.Died():
		fmt.Println(err)
		if err := replace(filepath.Join(dir, problemFile), []byte(err.Error())); err != nil {
			fmt.Println(err)
		}
	}
	<-ctx.Done()
}
