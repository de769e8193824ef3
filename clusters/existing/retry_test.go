package existing

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
)

// script answers the requests to come, one after the other; the last answer stays.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	bodies  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	s.bodies = append(s.bodies, body)
	return s.answers[min(len(s.bodies), len(s.answers))-1](r)
}

func status(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		return w.Result(), nil
	}
}

func failure(op string, err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, &net.OpError{Op: op, Err: err} }
}

// What was not taken is sent again, whole; what may have had an effect never is.
func TestPatient(t *testing.T) {
	type answers = []func(*http.Request) (*http.Response, error)
	for _, tc := range []struct {
		name    string
		method  string
		answers answers
		sent    int // 0: until patience ends
		code    int
	}{
		{"taken", "POST", answers{status(201)}, 1, 201},
		{"refused by an empty host", "POST", answers{failure("dial", syscall.ECONNREFUSED), status(201)}, 2, 201},
		{"too many", "POST", answers{status(429), status(429), status(201)}, 3, 201},
		{"too many, with a time to come back", "POST", answers{status(429, "Retry-After", "1")}, 1, 429},
		{"broken read", "GET", answers{failure("read", syscall.ECONNRESET), status(200)}, 2, 200},
		{"broken write", "POST", answers{failure("read", syscall.ECONNRESET)}, 1, 0},
		{"unavailable to a read", "GET", answers{status(503), status(200)}, 2, 200},
		{"unavailable to a write", "PATCH", answers{status(503)}, 1, 503},
		{"never", "GET", answers{status(429)}, 0, 429},
		{"forbidden", "GET", answers{status(403)}, 1, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers}
				r, err := http.NewRequestWithContext(t.Context(), tc.method, "https://api/", strings.NewReader("the body"))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := patient{s}.RoundTrip(r)
				code := 0
				if err == nil {
					code = resp.StatusCode
					resp.Body.Close()
				}
				if code != tc.code || (tc.sent > 0 && len(s.bodies) != tc.sent) || (tc.sent == 0 && len(s.bodies) < 10) {
					t.Errorf("status %d (%v) after %d requests, want %d after %d", code, err, len(s.bodies), tc.code, tc.sent)
				}
				for i, body := range s.bodies {
					if body != "the body" {
						t.Errorf("request %d had the body %q", i+1, body)
					}
				}
			})
		})
	}
}

// A request that nobody waits for any more is not sent again.
func TestPatientIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var sent atomic.Int32
		s := &script{answers: []func(*http.Request) (*http.Response, error){func(r *http.Request) (*http.Response, error) {
			sent.Add(1)
			cancel()
			return status(429)(r)
		}}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := patient{s}.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || sent.Load() != 1 {
			t.Fatalf("got %v after %d requests", err, sent.Load())
		}
		resp.Body.Close()
	})
}
