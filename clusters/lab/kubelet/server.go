package kubelet

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
)

// How long the streams of exec and port-forward may idle, and may take to open.
const (
	idleTimeout     = 4 * time.Hour
	creationTimeout = 30 * time.Second
)

// serve opens the HTTPS port on each of the node's addresses, in the node's network, and
// serves it until ctx ends.
func (k *Kubelet) serve(ctx context.Context) error {
	cfg := &k.agent.cfg
	server := &http.Server{
		Handler:           k.agent.handler(),
		ReadHeaderTimeout: creationTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0),
		// Streams upgrade the connection, which HTTP/2 can't.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{cfg.ServerCert},
			ClientCAs:    cfg.ClientCA, ClientAuth: tls.RequireAndVerifyClientCert,
			MinVersion: tls.VersionTLS12,
		},
	}
	context.AfterFunc(ctx, func() { server.Close() })
	for _, ip := range cfg.NodeIPs {
		var listener net.Listener
		err := cfg.HostDo(func() (err error) {
			listener, err = net.Listen("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(Port)))
			return err
		})
		if err != nil {
			server.Close()
			return fmt.Errorf("listen on node address: %w", err)
		}
		k.running.Go(func() {
			if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
				k.report("HTTPS server", err)
			}
		})
	}
	return nil
}

// handler serves the paths that kube-apiserver asks of a kubelet.
func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLogs)
	for _, method := range []string{"GET", "POST"} {
		mux.HandleFunc(method+" /exec/{namespace}/{pod}/{container}", a.serveExec)
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}", a.servePortForward)
	}
	return mux
}

func (a *agent) serveLogs(w http.ResponseWriter, r *http.Request) {
	o, err := logOptions(r, a.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path, live, err := a.logOf(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), o.Previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	out := flushing{w, http.NewResponseController(w)}
	if err := podlog.Read(r.Context(), path, live, o, out); err != nil {
		a.cfg.Log.Debug("serve log", "path", path, "err", err)
	}
}

// flushing sends each write at once: a follower wants to see it.
type flushing struct {
	io.Writer
	ctl *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.ctl.Flush()
	}
	return n, err
}

// logOptions reads the query as https://pkg.go.dev/k8s.io/api/core/v1#PodLogOptions, with
// sinceTime in the place of sinceSeconds.
func logOptions(r *http.Request, now time.Time) (*corev1.PodLogOptions, error) {
	fields := map[string]any{}
	for name := range r.URL.Query() {
		value := r.URL.Query().Get(name)
		fields[name] = value
		if json.Valid([]byte(value)) {
			fields[name] = json.RawMessage(value)
		}
	}
	text, err := json.Marshal(fields)
	o := &corev1.PodLogOptions{}
	if err == nil {
		err = json.Unmarshal(text, o)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read query of logs: %w", err)
	case o.LimitBytes != nil:
		return nil, errors.New("limitBytes: the lab cuts logs by line only; use tailLines")
	case o.Stream != nil && *o.Stream != corev1.LogStreamAll:
		return nil, errors.New("stream: the lab gives both streams only; leave it out")
	case o.SinceSeconds != nil:
		o.SinceTime = ptr.To(metav1.NewTime(now.Add(-time.Duration(*o.SinceSeconds) * time.Second)))
	}
	return o, nil
}

func (a *agent) serveExec(w http.ResponseWriter, r *http.Request) {
	var c running
	opts, err := remotecommand.NewOptions(r)
	if err == nil {
		c, err = a.container(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if opts.TTY { // refused before there are streams, whose end could overtake the reason
		http.Error(w, "the lab has no terminals: leave out --tty (-t)", http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, executor{c, opts}, r.PathValue("pod"), "", r.PathValue("container"),
		r.URL.Query()["command"], opts, idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
}

// executor serves one exec request.
type executor struct {
	c    running
	opts *remotecommand.Options
}

// ExecInContainer implements remotecommand.Executor. It leaves out the streams that the client
// did not ask for: over WebSockets they exist nevertheless.
func (e executor) ExecInContainer(ctx context.Context, _, _, _ string, cmd []string, in io.Reader, out, errs io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	var s clusters.Streams
	if e.opts.Stdin {
		s.In = in
	}
	if e.opts.Stdout {
		s.Out = out
	}
	if e.opts.Stderr {
		s.Err = errs
	}
	err := e.c.exec(ctx, cmd, s)
	var exit *clusters.ExitError
	if errors.As(err, &exit) {
		return utilexec.CodeExitError{Err: err, Code: exit.Code}
	}
	return err
}

func (a *agent) servePortForward(w http.ResponseWriter, r *http.Request) {
	opts, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PathValue("namespace") + "/" + r.PathValue("pod")
	portforward.ServePortForward(w, r, a, name, "", opts, idleTimeout, creationTimeout, portforward.SupportedProtocols)
}
