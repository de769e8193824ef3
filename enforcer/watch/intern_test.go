package watch

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
)

// TestLabelsOfEachPod: 20,000 pods with labels of their own, as those of StatefulSets, take
// little more than the labels themselves.
func TestLabelsOfEachPod(t *testing.T) {
	var pods []model.Pod
	in := newPool()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20000 {
		labels := map[string]string{}
		for _, k := range []string{"app", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "controller-revision-hash"} {
			labels[strings.Clone(k)] = fmt.Sprint("web-", i)
		}
		p := model.Pod{Namespace: "x", Labels: labels}
		in.share(&p)
		pods = append(pods, p)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20); got > 14 {
		t.Errorf("%.1f MiB, want at most 14", got)
	}
	runtime.KeepAlive(pods)
	for i := range pods {
		in.release(&pods[i])
	}
	if n := len(in.labels.values); n > 0 {
		t.Errorf("%d label sets of nobody", n)
	}
}
