package probes_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/clusters/lab/kubelet/probes"
)

func TestTally(t *testing.T) {
	for _, tc := range []struct {
		name             string
		success, failure int32
		results, want    string // + success, - failure; want has . for undecided
	}{
		{"defaults", 0, 0, "-----+-+", "..---+.+"},
		{"one failure is enough", 1, 1, "+-+-", "+-+-"},
		{"success threshold", 2, 1, "+-++", ".-.+"},
		{"failures must be in a row", 1, 3, "--+--", "..+.."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tally := probes.NewTally(&corev1.Probe{SuccessThreshold: tc.success, FailureThreshold: tc.failure})
			var got strings.Builder
			for _, r := range tc.results {
				ok, decided := tally.Add(r == '+')
				switch {
				case !decided:
					got.WriteByte('.')
				case ok:
					got.WriteByte('+')
				default:
					got.WriteByte('-')
				}
			}
			if got.String() != tc.want {
				t.Errorf("verdicts %s, want %s", got.String(), tc.want)
			}
		})
	}
}

// TestRun plays a server that is up after 60 ms and goes away after 10 s.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		check := func(context.Context) error {
			if at := time.Since(began); at < 60*time.Millisecond || at > 10*time.Second {
				return errors.New("down")
			}
			return nil
		}
		type verdict struct {
			OK bool
			At time.Duration
		}
		var got []verdict
		probe := &corev1.Probe{PeriodSeconds: 5, FailureThreshold: 2}
		probes.Run(ctx, probe, check, func(ok bool, _ error) { got = append(got, verdict{ok, time.Since(began)}) })
		if len(got) != 2 || !got[0].OK || got[1].OK {
			t.Fatalf("verdicts %v, want up, then down", got)
		}
		if got[0].At > 200*time.Millisecond {
			t.Errorf("seen up after %v, want well before the period of 5s", got[0].At)
		}
		// Checks every 5 s after the first success: the second failure is the one at 20 s.
		if down := got[1].At - got[0].At; down != 15*time.Second {
			t.Errorf("seen down %v after up, want 15s", down)
		}
	})
}

// TestEagerChecksDoNotCount: many quick checks before the first success are one failure
// per period.
func TestEagerChecksDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		var down time.Duration
		probe := &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 3, InitialDelaySeconds: 1}
		probes.Run(ctx, probe, func(context.Context) error { return errors.New("down") }, func(ok bool, _ error) {
			if ok || down != 0 {
				t.Errorf("verdict %v at %v", ok, time.Since(began))
			}
			down = time.Since(began)
		})
		if down < 5*time.Second || down > 8*time.Second {
			t.Errorf("seen down after %v, want the third period after the delay", down)
		}
	})
}

func TestRunEndsSilently(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	probes.Run(ctx, &corev1.Probe{}, func(context.Context) error {
		cancel()
		return errors.New("the pod has ended")
	}, func(bool, error) { t.Error("a verdict after the end") })
}

func here(fn func() error) error { return fn() }

func TestCheck(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "pod.example" && r.URL.Path == "/host" {
			w.WriteHeader(http.StatusBadRequest)
		}
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	var ran []string
	target := probes.Target{
		Host: host, Do: here, Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: int32(n)}},
		Exec: func(_ context.Context, argv []string) error {
			ran = argv
			return nil
		},
	}
	web := intstr.FromString("web")
	headers := []corev1.HTTPHeader{{Name: "host", Value: "pod.example"}}
	for _, tc := range []struct {
		name string
		h    corev1.ProbeHandler
		ok   bool
	}{
		{"tcp by number", corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(n)}}, true},
		{"tcp by name", corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: web}}, true},
		{"unknown port", corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("x")}}, false},
		{"http", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: web, Path: "/"}}, true},
		{"http error", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: web, Path: "/bad"}}, false},
		{"http host", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: web, Path: "/host", HTTPHeaders: headers}}, true},
		{"https to http", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: web, Scheme: "HTTPS"}}, false},
		{"exec", corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}, true},
		{"grpc", corev1.ProbeHandler{GRPC: &corev1.GRPCAction{}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := probes.Check(ctx, tc.h, target); (err == nil) != tc.ok {
				t.Errorf("error %v, want success %v", err, tc.ok)
			}
		})
	}
	if diff := cmp.Diff([]string{"true"}, ran); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
}
