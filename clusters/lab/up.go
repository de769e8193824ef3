//go:build linux

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/netassay/netassay/internal/flock"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
)

// UpOptions say what lab outlives the command.
type UpOptions struct {
	// Config is as for Start; LogDir, Door and Kubeconfig are Up's own business.
	Config Config
	// Engine is handed to the Engines that the program gave to ServeIfAsked.
	Engine string
}

// The environment of a lab's init: what it is to serve, and whose it is. The second one
// is how leftovers are found.
const (
	serveVar = "NETASSAY_LAB"
	dirVar   = "NETASSAY_LAB_DIR"
)

// order is what Up tells the program inside.
type order struct {
	Dir, Engine string
	Config      Config
}

// readyLine ends the progress that a lab reports while it starts.
const readyLine = "ready"

// Up starts a lab that outlives this process and returns when it is ready. When ctx ends
// before, the lab is stopped.
func (l Labs) Up(ctx context.Context, o UpOptions) (Status, error) {
	if _, err := o.Config.complete(); err != nil {
		return Status{}, err
	}
	dir, err := l.dir(o.Config.Name)
	if err != nil {
		return Status{}, err
	}
	lock, err := l.claim(o.Config.Name, dir)
	if err != nil {
		return Status{}, err
	}
	defer lock.Close()
	pid, progress, err := l.launch(dir, lock, o)
	if err != nil {
		return Status{}, fmt.Errorf("start lab %s: %w", o.Config.Name, err)
	}
	defer progress.Close()
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(pid, syscall.SIGTERM) })
	defer stop()
	if err := follow(progress, o.Config.Progress); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Status{}, fmt.Errorf("start lab %s: %w; the end of its log:\n%s", o.Config.Name, err,
			process.Tail(filepath.Join(dir, logsDir, labLog)))
	}
	return l.Status(o.Config.Name)
}

// claim makes the lab's directory anew and takes its lock, which is an error when a lab of
// that name lives.
func (l Labs) claim(name, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of lab: %w", err)
	}
	f, err := flock.Take(filepath.Join(dir, lockFile))
	if errors.Is(err, flock.ErrHeld) {
		return nil, fmt.Errorf("lab %s is up already: netassay lab down %s", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("lock lab: %w", err)
	}
	for _, left := range []string{recordFile, readyFile, problemFile, kubeconfigFile, logsDir} {
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			f.Close()
			return nil, fmt.Errorf("remove what a dead lab left: %w", err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, logsDir), 0o700); err != nil {
		f.Close()
		return nil, fmt.Errorf("make directory of logs: %w", err)
	}
	return f, nil
}

// launch starts the sandbox of a lab and records it. The listener of the door is made
// here, in the host's network namespace.
func (l Labs) launch(dir string, lock *os.File, o UpOptions) (pid int, progress *os.File, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, fmt.Errorf("open door: %w", err)
	}
	defer listener.Close()
	door, err := listener.(*net.TCPListener).File()
	if err != nil {
		return 0, nil, fmt.Errorf("open door: %w", err)
	}
	defer door.Close()
	progress, toProgress, err := os.Pipe()
	if err != nil {
		return 0, nil, fmt.Errorf("open pipe: %w", err)
	}
	defer toProgress.Close()
	log, err := os.Create(filepath.Join(dir, logsDir, labLog))
	if err != nil {
		return 0, nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	env, err := orderEnv(dir, o)
	if err != nil {
		return 0, nil, err
	}
	pid, err = sandbox.Detach(sandbox.Options{
		Args: []string{os.Args[0], "lab", o.Config.Name}, Env: env,
		ExtraFiles: []*os.File{door, lock, toProgress},
	}, log)
	if err != nil {
		progress.Close()
		return 0, nil, err
	}
	if err := writeRecord(dir, newRecord(pid, listener.Addr(), o.Config)); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		progress.Close()
		return 0, nil, err
	}
	return pid, progress, nil
}

func newRecord(pid int, door net.Addr, c Config) record {
	started, _ := startTime(pid) // 0 when it has ended already; then nobody signals it
	return record{
		Pid: pid, Started: started, Created: time.Now().UTC().Round(time.Second),
		Nodes: c.Nodes, Families: c.Families, Server: "https://" + door.String(),
	}
}

func orderEnv(dir string, o UpOptions) ([]string, error) {
	text, err := json.Marshal(order{Dir: dir, Engine: o.Engine, Config: o.Config})
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	return []string{serveVar + "=" + string(text), dirVar + "=" + dir}, nil
}

// follow hands on the progress of a lab until it is ready.
func follow(progress *os.File, tell func(string)) error {
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if lines.Text() == readyLine {
			return nil
		}
		tell(strings.TrimRight(lines.Text(), "\r\n"))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	return errors.New("it ended before it was ready")
}
