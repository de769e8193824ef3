package azurenpm

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/engines/agents"
)

// The metrics are those of an agent in the middle of a conformance run: 8 namespaces made
// and 4 updates of them, 11 pods made and 2 of them deleted, 2 policies in force.
func TestRead(t *testing.T) {
	page := func(file string) agents.Metrics {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := agents.ParseMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	node, cluster := page("node.metrics"), page("cluster.metrics")
	want := things{namespaces: 12, pods: 11, policies: 2}
	if diff := cmp.Diff(want, read(node, cluster), cmp.AllowUnexported(things{})); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if got := read(nil, nil); got != (things{}) {
		t.Errorf("read %+v of no metrics", got)
	}
}

func TestSettled(t *testing.T) {
	type look struct {
		after time.Duration // since the one before
		have  things
		want  bool
	}
	all := things{namespaces: 4, pods: 9, policies: 2}
	some := things{namespaces: 4, pods: 8, policies: 2}
	skipped := things{namespaces: 4, pods: 9, policies: 1}
	for _, tc := range []struct {
		name  string
		looks []look
	}{
		{"all, long enough to be flushed", []look{{0, all, false}, {time.Second, all, false}, {time.Second, all, true}}},
		{"never with a pod missing", []look{{0, some, false}, {time.Hour, some, false}}},
		{"a change begins anew", []look{{0, some, false}, {time.Minute, all, false}, {flushed, all, true}}},
		{"a policy that NPM can't translate", []look{{0, skipped, false}, {flushed, skipped, false}, {policiesSettle, skipped, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, now := settling{want: all}, time.Unix(1000, 0)
			for i, l := range tc.looks {
				now = now.Add(l.after)
				ok, answer := s.settled(l.have, now)
				if ok != l.want {
					t.Errorf("look %d: %v (%s), want %v", i, ok, answer, l.want)
				}
			}
		})
	}
	if _, answer := (&settling{want: all}).settled(some, time.Unix(1, 0)); !strings.Contains(answer, "8 of 9 pods") {
		t.Errorf("answer %q does not say what is missing", answer)
	}
}

func TestConcerns(t *testing.T) {
	pod := func(phase corev1.PodPhase, ip string, host bool) *corev1.Pod {
		return &corev1.Pod{
			Spec:   corev1.PodSpec{HostNetwork: host},
			Status: corev1.PodStatus{Phase: phase, PodIP: ip},
		}
	}
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		want bool
	}{
		{"running", pod(corev1.PodRunning, "10.0.0.1", false), true},
		{"no address yet", pod(corev1.PodPending, "", false), false},
		{"over", pod(corev1.PodSucceeded, "10.0.0.1", false), false},
		{"on the node's network", pod(corev1.PodRunning, "10.0.0.1", true), false},
	} {
		if got := concerns(tc.pod); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
