package nodeimage

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/process"
)

// Limits of waiting for containerd, and how often it is looked at.
const (
	containerdStart = 60 * time.Second
	containerdStop  = 20 * time.Second
	containerdPoll  = 100 * time.Millisecond
)

// preload puts images into the storage of root's containerd, unpacked. It runs the node's
// containerd over that storage, without the parts that run containers.
func preload(ctx context.Context, work, root string, set binaries.Set, files []string) error {
	s := store{ctr: set.Path(binaries.Ctr), socket: filepath.Join(work, "containerd.sock")}
	config := `version = 3
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
  "io.containerd.nri.v1.nri", "io.containerd.podsandbox.controller.v1.podsandbox"]
`
	if err := write(work, "containerd.toml", config, 0o644); err != nil {
		return err
	}
	stop, err := s.start(ctx, work, root, set.Path(binaries.Containerd))
	if err != nil {
		return err
	}
	if err := s.load(ctx, files); err != nil {
		_ = stop() // what went wrong first is what there is to say
		return err
	}
	return stop()
}

// store is a running containerd.
type store struct {
	ctr, socket string
}

// start starts containerd in a mount namespace of its own, so that what it mounts to unpack
// ends with it, and waits until it answers.
func (s store) start(ctx context.Context, work, root, program string) (stop func() error, err error) {
	cmd := process.Grouped(ctx, program, "--config="+filepath.Join(work, "containerd.toml"), "--address="+s.socket,
		"--root="+filepath.Join(root, "var/lib/containerd"), "--state="+filepath.Join(work, "state"), "--log-level=warn")
	cmd.Env = append(cmd.Environ(), "TMPDIR="+work)
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	ended, err := process.Begin(cmd)
	if err != nil {
		return nil, fmt.Errorf("start containerd: %w", err)
	}
	stop = func() error { return terminate(cmd, ended) }
	if err := s.await(ctx, ended); err != nil {
		_ = stop() // as above
		return nil, fmt.Errorf("%w: %s", err, tail(said.String()))
	}
	return stop, nil
}

// await returns when containerd answers.
func (s store) await(ctx context.Context, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, containerdStart)
	defer cancel()
	tick := time.NewTicker(containerdPoll)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			ended <- err // for terminate
			return fmt.Errorf("containerd ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("wait for containerd: %w", ctx.Err())
		case <-tick.C:
			if s.run(ctx, "version") == nil {
				return nil
			}
		}
	}
}

// terminate ends a containerd, and returns when it has ended.
func terminate(cmd *exec.Cmd, ended <-chan error) error {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("stop containerd: %w", err)
		}
		return nil
	case <-time.After(containerdStop):
		_ = process.SignalGroup(cmd, syscall.SIGKILL)
		return fmt.Errorf("stop containerd: it took more than %s: %w", containerdStop, <-ended)
	}
}

// load imports the archives, and then drops what has been unpacked from the content store:
// a node needs every byte of it once.
func (s store) load(ctx context.Context, files []string) error {
	for _, file := range files {
		// Pinned, so that the kubelet removes none of them when a disk is nearly full.
		if err := s.run(ctx, "images", "import", "--label=io.cri-containerd.pinned=pinned", file); err != nil {
			return fmt.Errorf("load %s: %w", filepath.Base(file), err)
		}
	}
	if err := s.run(ctx, "content", "prune", "references"); err != nil {
		return fmt.Errorf("drop packed layers: %w", err)
	}
	return nil
}

func (s store) run(ctx context.Context, args ...string) error {
	_, err := run(ctx, append([]string{s.ctr, "--address=" + s.socket, "--namespace=k8s.io"}, args...)...)
	return err
}
