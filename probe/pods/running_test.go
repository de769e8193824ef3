package pods

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/podspec"
)

// A pod is there when it runs and has addresses, which may come after it runs.
func TestAwaitRunning(t *testing.T) {
	pod := podspec.Pod("x", "a", "node-1", "probe", nil)
	client := fake.NewClientset(pod)
	states := []corev1.PodStatus{
		{Phase: corev1.PodRunning},
		{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}}},
	}
	type result struct {
		pod probe.Pod
		err error
	}
	done := make(chan result, 1)
	go func() {
		p, err := AwaitRunning(t.Context(), client, "x", "a")
		done <- result{p, err}
	}()
	for _, s := range states {
		pod.Status = s
		if _, err := client.CoreV1().Pods("x").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	got := <-done
	want := probe.Pod{Name: "a", Node: "node-1", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}}
	if diff := cmp.Diff(want, got.pod, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || got.err != nil {
		t.Errorf("%v (-want +got):\n%s", got.err, diff)
	}
}

func TestAwaitRunningEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	client := fake.NewClientset(podspec.Pod("x", "a", "node-1", "probe", nil))
	if p, err := AwaitRunning(ctx, client, "x", "a"); !errors.Is(err, context.DeadlineExceeded) || len(p.Addrs) > 0 {
		t.Errorf("of a pending pod: %+v, %v", p, err)
	}
}
