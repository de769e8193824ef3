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
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"

	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
)

type group struct{ sync.WaitGroup }

// How long the streams of exec, attach and port-forward may idle, and may take to open.
const (
	idleTimeout     = 4 * time.Hour
	creationTimeout = 30 * time.Second
)

// serve opens the HTTPS port on each of the node's addresses, in the node's network, and
// serves it until ctx ends.
func (k *Kubelet) serve(ctx context.Context, running *group) error {
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
		running.Go(func() {
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
	mux.HandleFunc("GET /pods", a.servePods)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLogs)
	for _, method := range []string{"GET", "POST"} {
		for _, uid := range []string{"", "{uid}/"} {
			mux.HandleFunc(method+" /exec/{namespace}/{pod}/"+uid+"{container}", a.serveExec)
			mux.HandleFunc(method+" /attach/{namespace}/{pod}/"+uid+"{container}", a.serveAttach)
		}
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}", a.servePortForward)
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}/{uid}", a.servePortForward)
	}
	return mux
}

func (a *agent) servePods(w http.ResponseWriter, r *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
	pods, err := a.GetPods(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, pod := range pods {
		list.Items = append(list.Items, *pod)
	}
	w.Header().Set("Content-Type", "application/json")
	// The client may be gone.
	_ = json.NewEncoder(w).Encode(list)
}

func (a *agent) serveLogs(w http.ResponseWriter, r *http.Request) {
	var opts corev1.PodLogOptions
	o, err := logOptions(r, &opts, a.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path, live, err := a.logOf(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), opts.Previous)
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

// logOptions reads the query as https://pkg.go.dev/k8s.io/api/core/v1#PodLogOptions.
func logOptions(r *http.Request, opts *corev1.PodLogOptions, now time.Time) (podlog.Options, error) {
	q := r.URL.Query()
	opts.Previous = q.Get("previous") == "true"
	o := podlog.Options{Follow: q.Get("follow") == "true", Timestamps: q.Get("timestamps") == "true"}
	if s := q.Get("stream"); s == corev1.LogStreamStdout || s == corev1.LogStreamStderr {
		o.Stream = map[string]string{corev1.LogStreamStdout: "stdout", corev1.LogStreamStderr: "stderr"}[s]
	}
	numbers := map[string]*int64{}
	for _, name := range []string{"tailLines", "limitBytes", "sinceSeconds"} {
		if !q.Has(name) {
			continue
		}
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil {
			return o, fmt.Errorf("query %s: %w", name, err)
		}
		numbers[name] = &n
	}
	o.Tail = numbers["tailLines"]
	if n := numbers["limitBytes"]; n != nil {
		o.LimitBytes = *n
	}
	if n := numbers["sinceSeconds"]; n != nil {
		o.Since = now.Add(-time.Duration(*n) * time.Second)
	}
	if s := q.Get("sinceTime"); s != "" {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return o, fmt.Errorf("query sinceTime: %w", err)
		}
		o.Since = at
	}
	return o, nil
}

func (a *agent) serveExec(w http.ResponseWriter, r *http.Request) {
	a.serveStreams(w, r, func(s streamer) {
		remotecommand.ServeExec(w, r, s, r.PathValue("pod"), "", r.PathValue("container"),
			r.URL.Query()["command"], s.opts, idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
	})
}

func (a *agent) serveAttach(w http.ResponseWriter, r *http.Request) {
	a.serveStreams(w, r, func(s streamer) {
		remotecommand.ServeAttach(w, r, s, r.PathValue("pod"), "", r.PathValue("container"),
			s.opts, idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
	})
}

// serveStreams serves a container's streams, or says why it can't.
func (a *agent) serveStreams(w http.ResponseWriter, r *http.Request, serve func(streamer)) {
	opts, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, err := a.container(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	serve(streamer{c, opts})
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

// PortForward implements portforward.PortForwarder; name is NAMESPACE/POD.
func (a *agent) PortForward(ctx context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	namespace, pod, _ := strings.Cut(name, "/")
	return a.forward(ctx, namespace, pod, port, stream)
}
