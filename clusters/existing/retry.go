package existing

import (
	"net/http"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// How long a request is tried again that the API server could not take: it may be starting
// anew, or have asked for patience.
const (
	retryFor   = 30 * time.Second
	firstRetry = 50 * time.Millisecond // doubles
	lastRetry  = 2 * time.Second
)

// patient tries requests again that the API server has not taken. It never repeats what may
// have had an effect.
type patient struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	deadline := time.Now().Add(retryFor)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		resp, err := p.next.RoundTrip(r)
		if !again(r, resp, err) || time.Now().After(deadline) {
			return resp, err
		}
		next, ok := rewound(r)
		if !ok || !pause(r, wait) {
			return resp, err
		}
		if resp != nil {
			_ = resp.Body.Close() // what it says is thrown away
		}
		r = next
	}
}

// again says that the request had no effect and may have one later. What comes with a
// Retry-After is left to client-go, which heeds it.
func again(r *http.Request, resp *http.Response, err error) bool {
	switch {
	case err != nil && utilnet.IsConnectionRefused(err):
		return true
	case err != nil:
		return r.Method == http.MethodGet && (utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsHTTP2ConnectionLost(err))
	case resp.Header.Get("Retry-After") != "":
		return false
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && r.Method == http.MethodGet
}

// rewound is r with its body from the start.
func rewound(r *http.Request) (*http.Request, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, false
	}
	next := r.Clone(r.Context())
	next.Body = body
	return next, true
}

// pause waits; false when the request is not wanted any more.
func pause(r *http.Request, wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return true
	case <-r.Context().Done():
		return false
	}
}
