package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
	"github.com/netassay/netassay/clusters/lab/kubelet/process"
)

// running is a container with a process.
type running struct {
	view *view
	run  *run
}

// container finds a running container; "" is the pod's first.
func (a *agent) container(namespace, pod, name string) (running, error) {
	w := a.find(namespace, pod)
	if w == nil {
		return running{}, fmt.Errorf("pod %s/%s is not on node %s", namespace, pod, a.cfg.NodeName)
	}
	v := w.view.Load()
	if name == "" {
		name = v.pod.Spec.Containers[0].Name
	}
	if specOf(v.pod, name) == nil {
		return running{}, fmt.Errorf("pod %s/%s has no container %q", namespace, pod, name)
	}
	r, ok := v.runs[name]
	if !ok {
		return running{}, fmt.Errorf("container %s of pod %s/%s is not running: %s", name, namespace, pod, why(v.pod, name))
	}
	return running{v, r}, nil
}

// why says in a word what a container does that doesn't run.
func why(pod *corev1.Pod, name string) string {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, c := range list {
			switch {
			case c.Name != name:
			case c.State.Waiting != nil:
				return c.State.Waiting.Reason + " " + c.State.Waiting.Message
			case c.State.Terminated != nil:
				return fmt.Sprintf("exited with code %d", c.State.Terminated.ExitCode)
			}
		}
	}
	return "not started"
}

type execRequest struct {
	argv     []string
	in       io.Reader
	out, err io.Writer
	tty      bool
	resize   <-chan remotecommand.TerminalSize
}

// exec runs a command beside the container's own process.
func (c running) exec(ctx context.Context, r execRequest) error {
	if c.view.space == nil {
		return process.ErrEnded
	}
	env := c.run.env
	if r.tty {
		env = append([]string{"TERM=xterm"}, env...)
	}
	p, err := c.view.space.Start(process.Command{
		Argv: c.run.image.Resolve(r.argv), Env: env, Dir: c.run.spec.WorkingDir,
		In: r.in, Out: r.out, Err: r.err, TTY: r.tty,
	})
	if err != nil {
		return err
	}
	go resize(p, r.resize)
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		p.Exit()
		return fmt.Errorf("command %q was ended: %w", r.argv, ctx.Err())
	}
	if exit := p.Exit(); exit.Code != 0 {
		return &clusters.ExitError{Code: exit.Code}
	}
	return nil
}

func resize(p *process.Process, sizes <-chan remotecommand.TerminalSize) {
	if sizes == nil {
		return
	}
	for {
		select {
		case s, ok := <-sizes:
			if !ok {
				return
			}
			p.Resize(process.Size{Width: s.Width, Height: s.Height})
		case <-p.Done():
			return
		}
	}
}

// attach connects to the container's own process until it ends or ctx does.
func (c running) attach(ctx context.Context, r execRequest) error {
	sub := c.run.log.Subscribe()
	defer sub.Cancel()
	go resize(c.run.proc, r.resize)
	if r.in != nil && c.run.stdin != nil {
		go c.feed(r.in)
	}
	for {
		select {
		case chunk, ok := <-sub.C:
			// A client that can't be written to has gone, which is no error of the pod's.
			if !ok || deliver(chunk, r) != nil {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// feed gives input to the container; with stdinOnce its end is the end for good.
func (c running) feed(in io.Reader) {
	// The container may stop reading at any time, which closes the pipe.
	_, _ = io.Copy(c.run.stdin, in)
	if c.run.spec.StdinOnce {
		c.run.stdin.Close()
	}
}

func deliver(chunk podlog.Chunk, r execRequest) error {
	w := r.out
	if chunk.Stream == "stderr" {
		w = r.err
	}
	if w == nil {
		return nil
	}
	_, err := w.Write(chunk.Data)
	return err
}

// forward connects stream to a port on the loopback of the pod's network.
func (a *agent) forward(ctx context.Context, namespace, pod string, port int32, stream io.ReadWriteCloser) error {
	w := a.find(namespace, pod)
	if w == nil {
		return fmt.Errorf("pod %s/%s is not on node %s", namespace, pod, a.cfg.NodeName)
	}
	v := w.view.Load()
	if v.net == nil {
		return process.ErrEnded
	}
	conn, err := dialLoopback(ctx, v.net, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	return splice(ctx, conn, stream)
}

func dialLoopback(ctx context.Context, network PodNetwork, port int32) (net.Conn, error) {
	var errs []error
	for _, host := range []string{"127.0.0.1", "::1"} {
		var conn net.Conn
		// A literal address keeps the dialer on the thread that is in the namespace.
		err := network.Do(func() (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
			return err
		})
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// splice copies both ways until the pod's side ends, or the client's side does and the pod
// has answered to the end.
func splice(ctx context.Context, conn net.Conn, stream io.ReadWriteCloser) error {
	answered := make(chan error, 1)
	go func() {
		_, err := io.Copy(stream, conn)
		answered <- err
	}()
	go func() {
		// An error here shows on the other way, too.
		_, _ = io.Copy(conn, stream)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return nil
	}
}

// logOf is the log of a container's latest run, or of the one before it.
func (a *agent) logOf(namespace, pod, container string, previous bool) (path string, live *podlog.Log, err error) {
	w := a.find(namespace, pod)
	if w == nil {
		return "", nil, fmt.Errorf("pod %s/%s is not on node %s", namespace, pod, a.cfg.NodeName)
	}
	v := w.view.Load()
	if specOf(v.pod, container) == nil {
		return "", nil, fmt.Errorf("pod %s/%s has no container %q", namespace, pod, container)
	}
	number, launched := restarts(v.pod, container)
	switch {
	case !launched:
		return "", nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod, why(v.pod, container))
	case previous && number == 0:
		return "", nil, fmt.Errorf("previous terminated container %q in pod %q not found", container, pod)
	case previous:
		number--
	default:
		if r, ok := v.runs[container]; ok {
			live = r.log
		}
	}
	return a.logPath(lifecycle.Key(v.pod.Namespace, v.pod.Name, v.pod.UID), container, number), live, nil
}

func restarts(pod *corev1.Pod, name string) (n int32, launched bool) {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, c := range list {
			if c.Name == name {
				return c.RestartCount, c.ContainerID != ""
			}
		}
	}
	return 0, false
}
