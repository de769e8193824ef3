package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
	"github.com/netassay/netassay/clusters/lab/kubelet/process"
	"github.com/netassay/netassay/internal/sandbox"
)

// running is a container with a process.
type running struct {
	view *view
	run  *run
}

// viewOf finds the latest pod of that name.
func (a *agent) viewOf(namespace, pod string) (*view, error) {
	if w := a.find(namespace, pod); w != nil {
		return w.view.Load(), nil
	}
	return nil, fmt.Errorf("pod %s/%s is not on node %s", namespace, pod, a.cfg.NodeName)
}

// Exec runs a command beside any pod until it ends or ctx does, as clusters.Cluster's does in
// one: on a host that do enters the network namespace of.
func Exec(ctx context.Context, hostname string, do func(func() error) error, command []string, s clusters.Streams) error {
	space, err := process.NewSpace(hostname, do)
	if err != nil {
		return err
	}
	err = runIn(ctx, space, process.Command{Argv: command, In: s.In, Out: s.Out, Err: s.Err})
	return errors.Join(err, space.Close())
}

// container finds a running container; "" is the pod's first.
func (a *agent) container(namespace, pod, name string) (running, error) {
	v, err := a.viewOf(namespace, pod)
	if err != nil {
		return running{}, err
	}
	if name == "" {
		name = v.pod.Spec.Containers[0].Name
	}
	if specOf(v.pod, name) == nil {
		return running{}, fmt.Errorf("pod %s/%s has no container %q", namespace, pod, name)
	}
	r, ok := v.runs[name]
	if !ok {
		return running{}, fmt.Errorf("container %s of pod %s/%s is not running: %s", name, namespace, pod, why(statusOf(v.pod, name)))
	}
	return running{v, r}, nil
}

// statusOf is the status of the container called name; the zero value before the first.
func statusOf(pod *corev1.Pod, name string) (status corev1.ContainerStatus) {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == name {
			return c
		}
	}
	return status
}

// why says in a word what a container does that doesn't run.
func why(c corev1.ContainerStatus) string {
	switch {
	case c.State.Waiting != nil:
		return c.State.Waiting.Reason + " " + c.State.Waiting.Message
	case c.State.Terminated != nil:
		return fmt.Sprintf("exited with code %d", c.State.Terminated.ExitCode)
	default:
		return "not started"
	}
}

// exec runs a command beside the container's own process.
func (c running) exec(ctx context.Context, argv []string, s clusters.Streams) error {
	if c.view.space == nil {
		return process.ErrEnded
	}
	return runIn(ctx, c.view.space, process.Command{
		Argv: c.run.image.Resolve(argv), Env: c.run.env, Dir: c.run.spec.WorkingDir,
		In: s.In, Out: s.Out, Err: s.Err,
	})
}

// runIn runs a command to its end, or until ctx ends.
func runIn(ctx context.Context, space *process.Space, c process.Command) error {
	p, err := space.Start(c)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		p.Exit()
		return fmt.Errorf("command %q was ended: %w", c.Argv, ctx.Err())
	}
	if exit := p.Exit(); exit.Code != 0 {
		return &clusters.ExitError{Code: exit.Code}
	}
	return nil
}

// PortForward implements portforward.PortForwarder: it connects stream to a port on the
// loopback of the pod's network. name is NAMESPACE/POD.
func (a *agent) PortForward(ctx context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	namespace, pod, _ := strings.Cut(name, "/")
	v, err := a.viewOf(namespace, pod)
	if err != nil {
		return err
	}
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
		conn, err := sandbox.DialIn(network.Do)(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
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
	v, err := a.viewOf(namespace, pod)
	if err != nil {
		return "", nil, err
	}
	if specOf(v.pod, container) == nil {
		return "", nil, fmt.Errorf("pod %s/%s has no container %q", namespace, pod, container)
	}
	status := statusOf(v.pod, container)
	number := status.RestartCount
	switch {
	case status.ContainerID == "":
		return "", nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod, why(status))
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
