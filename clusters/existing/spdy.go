package existing

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // the terms that spdy.Upgrader is written in
	protocol "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// errNoStatus is a stream that ended without a word about the command.
var errNoStatus = errors.New("stream ended before the command's status came")

// spdyExecutor is client-go's executor over SPDY, but knows a stream that broke from a
// command that ended well. client-go takes an error stream without a word for success,
// though servers of these protocols always send a status: so does a connection that is cut.
type spdyExecutor struct {
	remotecommand.Executor
	told *atomic.Bool // something was read from the error stream
}

func newSPDYExecutor(cfg *rest.Config, at *url.URL) (remotecommand.Executor, error) {
	transport, upgrader, err := spdy.RoundTripperFor(cfg)
	if err != nil {
		return nil, err
	}
	told := &atomic.Bool{}
	executor, err := remotecommand.NewSPDYExecutorForProtocols(transport, watching{upgrader, told}, "POST", at,
		protocol.StreamProtocolV5Name, protocol.StreamProtocolV4Name)
	if err != nil {
		return nil, err
	}
	return spdyExecutor{executor, told}, nil
}

// StreamWithContext implements remotecommand.Executor.
func (e spdyExecutor) StreamWithContext(ctx context.Context, o remotecommand.StreamOptions) error {
	err := e.Executor.StreamWithContext(ctx, o)
	if err == nil && !e.told.Load() {
		return errNoStatus
	}
	return err
}

// watching makes connections of which the error stream is watched.
type watching struct {
	spdy.Upgrader
	told *atomic.Bool
}

func (w watching) NewConnection(resp *http.Response) (httpstream.Connection, error) {
	conn, err := w.Upgrader.NewConnection(resp)
	if err != nil {
		return nil, err
	}
	return watchedConnection{conn, w.told}, nil
}

type watchedConnection struct {
	httpstream.Connection
	told *atomic.Bool
}

func (c watchedConnection) CreateStream(headers http.Header) (httpstream.Stream, error) {
	stream, err := c.Connection.CreateStream(headers)
	if err != nil || headers.Get(corev1.StreamType) != corev1.StreamTypeError {
		return stream, err
	}
	return watchedStream{stream, c.told}, nil
}

type watchedStream struct {
	httpstream.Stream
	told *atomic.Bool
}

var _ io.Reader = watchedStream{}

func (s watchedStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	if n > 0 {
		s.told.Store(true)
	}
	return n, err
}
