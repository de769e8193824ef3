package lifecycle_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
)

func TestDecide(t *testing.T) {
	always, never := corev1.RestartPolicyAlways, corev1.RestartPolicyNever
	onFailure := corev1.RestartPolicyOnFailure
	type decision = lifecycle.Decision
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		do   func(p *lifecycle.Pod)
		want decision
	}{{
		name: "no network yet", pod: spec(always, "a"),
		do: func(p *lifecycle.Pod) { p.Networked = false }, want: decision{},
	}, {
		name: "all at once", pod: spec(always, "a", "b"),
		do: func(*lifecycle.Pod) {}, want: decision{Start: []int{0, 1}},
	}, {
		name: "crash loop waits", pod: spec(always, "a", "b"),
		do: func(p *lifecycle.Pod) {
			running(p, "a", "b")
			exits(p, "a", 1)
			running(p, "a")
			exits(p, "a", 1)
		},
		want: decision{Wake: t2.Add(time.Second)},
	}, {
		name: "blocked waits", pod: spec(always, "a"),
		do:   func(p *lifecycle.Pod) { find(p, "a").Block("ErrImagePull", "", backoff(), t2) },
		want: decision{Wake: t2.Add(time.Second)},
	}, {
		name: "on failure, failed", pod: spec(onFailure, "a"),
		do: func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 1) }, want: decision{Start: []int{0}},
	}, {
		name: "on failure, succeeded", pod: spec(onFailure, "a"),
		do: func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 0) }, want: decision{End: true},
	}, {
		name: "complete", pod: spec(never, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 0) },
		want: decision{End: true},
	}, {
		name: "one ended, the other runs", pod: spec(never, "a", "b"),
		do: func(p *lifecycle.Pod) { running(p, "a", "b"); exits(p, "a", 0) }, want: decision{},
	}, {
		name: "deleting starts nothing", pod: spec(always, "a", "b"),
		do: func(p *lifecycle.Pod) { running(p, "a"); p.Deleting = true }, want: decision{},
	}, {
		name: "deleting, all ended", pod: spec(always, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); p.Deleting = true; exits(p, "a", 0) },
		want: decision{End: true},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			p := lifecycle.New(tc.pod, t0)
			p.Networked = true
			tc.do(&p)
			if diff := cmp.Diff(tc.want, lifecycle.Decide(&p, t2)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	b := backoff()
	var got []time.Duration
	for i := range 6 {
		got = append(got, b.Delay(i))
	}
	want := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
}

// TestLongRunResetsBackoff: a run of at least Reset makes the next end the first in a row.
func TestLongRunResetsBackoff(t *testing.T) {
	p := lifecycle.New(spec(corev1.RestartPolicyAlways, "a"), t0)
	c := find(&p, "a")
	now := t0
	for _, ran := range []time.Duration{time.Second, time.Second, time.Minute} {
		c.Runs("id", "image", now)
		now = now.Add(ran)
		c.Ends(corev1.ContainerStateTerminated{FinishedAt: metaTime(now)}, backoff())
	}
	if !c.NotBefore.Equal(now) {
		t.Errorf("restart held back until %v, want %v", c.NotBefore, now)
	}
	if c.Restarts != 2 {
		t.Errorf("%d restarts, want 2", c.Restarts)
	}
}

func TestKey(t *testing.T) {
	got := lifecycle.Key("x", "a.b", types.UID("12345678-9abc"))
	if got != "x_a.b_12345678" {
		t.Errorf("key %q", got)
	}
}
