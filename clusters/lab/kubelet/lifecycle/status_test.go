package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
)

var (
	t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t1 = t0.Add(time.Second)
	t2 = t0.Add(2 * time.Second)
)

// spec is a pod with containers of these names.
func spec(policy corev1.RestartPolicy, names ...string) *corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: policy}}
	for _, name := range names {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: "i"})
	}
	return pod
}

func backoff() lifecycle.Backoff {
	return lifecycle.Backoff{Base: time.Second, Max: 4 * time.Second, Reset: time.Minute}
}

// find is the container called name.
func find(p *lifecycle.Pod, name string) *lifecycle.Container {
	i := slices.IndexFunc(p.Containers, func(c lifecycle.Container) bool { return c.Name == name })
	return &p.Containers[i]
}

func running(p *lifecycle.Pod, names ...string) {
	for _, name := range names {
		find(p, name).Runs("id-"+name, "image", t1)
	}
}

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t) }

func exits(p *lifecycle.Pod, name string, code int32) {
	find(p, name).Ends(corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: metav1.NewTime(t2)}, backoff())
}

// brief is what the table says of a status.
type brief struct {
	Phase       corev1.PodPhase
	Initialized bool
	Ready       bool
	States      []string
}

func briefOf(s corev1.PodStatus) brief {
	b := brief{Phase: s.Phase}
	for _, c := range s.Conditions {
		switch c.Type {
		case corev1.PodInitialized:
			b.Initialized = c.Status == corev1.ConditionTrue
		case corev1.PodReady:
			b.Ready = c.Status == corev1.ConditionTrue
		}
	}
	for _, cs := range s.ContainerStatuses {
		b.States = append(b.States, cs.Name+" "+stateOf(cs.State))
	}
	return b
}

func stateOf(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return s.Waiting.Reason
	case s.Running != nil:
		return "running"
	default:
		return "ended"
	}
}

func TestStatus(t *testing.T) {
	always, never := corev1.RestartPolicyAlways, corev1.RestartPolicyNever
	onFailure := corev1.RestartPolicyOnFailure
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		do   func(p *lifecycle.Pod)
		want brief
	}{{
		name: "just bound", pod: spec(always, "a"), do: func(*lifecycle.Pod) {},
		want: brief{corev1.PodPending, true, false, []string{"a ContainerCreating"}},
	}, {
		name: "running", pod: spec(always, "a"), do: func(p *lifecycle.Pod) { running(p, "a") },
		want: brief{corev1.PodRunning, true, true, []string{"a running"}},
	}, {
		name: "one of two", pod: spec(always, "a", "b"), do: func(p *lifecycle.Pod) { running(p, "a") },
		want: brief{corev1.PodPending, true, false, []string{"a running", "b ContainerCreating"}},
	}, {
		name: "unknown image", pod: spec(always, "a"),
		do:   func(p *lifecycle.Pod) { find(p, "a").Block("ErrImagePull", "no", backoff(), t1) },
		want: brief{corev1.PodPending, true, false, []string{"a ErrImagePull"}},
	}, {
		name: "crash loop", pod: spec(always, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 1); running(p, "a"); exits(p, "a", 1) },
		want: brief{corev1.PodRunning, true, false, []string{"a CrashLoopBackOff"}},
	}, {
		name: "complete, processes still there", pod: spec(never, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 0) },
		want: brief{corev1.PodRunning, true, false, []string{"a ended"}},
	}, {
		name: "succeeded", pod: spec(onFailure, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); exits(p, "a", 0); p.Ended = true },
		want: brief{corev1.PodSucceeded, true, false, []string{"a ended"}},
	}, {
		name: "failed", pod: spec(never, "a", "b"),
		do:   func(p *lifecycle.Pod) { running(p, "a", "b"); exits(p, "a", 0); exits(p, "b", 2); p.Ended = true },
		want: brief{corev1.PodFailed, true, false, []string{"a ended", "b ended"}},
	}, {
		name: "deleted while it ran", pod: spec(always, "a"),
		do:   func(p *lifecycle.Pod) { running(p, "a"); p.Deleting = true; exits(p, "a", 0); p.Ended = true },
		want: brief{corev1.PodSucceeded, true, false, []string{"a ended"}},
	}, {
		name: "deleted in a crash loop", pod: spec(always, "a"),
		do: func(p *lifecycle.Pod) {
			running(p, "a")
			exits(p, "a", 1)
			running(p, "a")
			exits(p, "a", 1)
			p.Deleting, p.Ended = true, true
		},
		want: brief{corev1.PodFailed, true, false, []string{"a ended"}},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			p := lifecycle.New(tc.pod, t0)
			tc.do(&p)
			if diff := cmp.Diff(tc.want, briefOf(lifecycle.Status(&p, nil, t2))); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusWaitsForProbes(t *testing.T) {
	pod := spec(corev1.RestartPolicyAlways, "a")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
	p := lifecycle.New(pod, t0)
	running(&p, "a")
	for _, ready := range []bool{false, true} {
		find(&p, "a").ReadyOK = ready
		cs := lifecycle.Status(&p, nil, t2).ContainerStatuses[0]
		if !*cs.Started || cs.Ready != ready {
			t.Errorf("readiness %v: started %v, ready %v", ready, *cs.Started, cs.Ready)
		}
	}
	running(&p, "a")
	if lifecycle.Status(&p, nil, t2).ContainerStatuses[0].Ready {
		t.Error("a new run is ready by the old run's probe")
	}
}

func TestStatusAddresses(t *testing.T) {
	p := lifecycle.New(spec(corev1.RestartPolicyNever, "a"), t0)
	p.HostIPs, p.PodIPs, p.Networked = []string{"10.0.0.1", "fd00::1"}, []string{"10.1.0.2", "fd01::2"}, true
	p.Ended, p.Networked = true, false
	s := lifecycle.Status(&p, nil, t1)
	want := corev1.PodStatus{
		HostIP: "10.0.0.1", HostIPs: []corev1.HostIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}},
		PodIP: "10.1.0.2", PodIPs: []corev1.PodIP{{IP: "10.1.0.2"}, {IP: "fd01::2"}},
	}
	opt := cmpopts.IgnoreFields(corev1.PodStatus{}, "Phase", "Conditions", "ContainerStatuses", "StartTime")
	if diff := cmp.Diff(want, s, opt); diff != "" {
		t.Errorf("addresses of an ended pod (-want +got):\n%s", diff)
	}
}

func TestConditionsKeepTheirTime(t *testing.T) {
	p := lifecycle.New(spec(corev1.RestartPolicyAlways, "a"), t0)
	first := lifecycle.Status(&p, nil, t0).Conditions
	running(&p, "a")
	times := map[corev1.PodConditionType]time.Time{}
	for _, c := range lifecycle.Status(&p, first, t2).Conditions {
		times[c.Type] = c.LastTransitionTime.Time
	}
	want := map[corev1.PodConditionType]time.Time{
		corev1.PodReadyToStartContainers: t0, corev1.PodScheduled: t0, corev1.PodInitialized: t0,
		corev1.ContainersReady: t2, corev1.PodReady: t2,
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Errorf("transition times (-want +got):\n%s", diff)
	}
}
