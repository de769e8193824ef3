package hollow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// progressEvery bounds how often a kind of object is reported.
const progressEvery = 5 * time.Second

// ProgressLines turns counts into lines with a rate and the time that remains, some per kind of
// object. A kind that is done sooner than least is not reported. It may be called
// concurrently.
func ProgressLines(log func(line string), least time.Duration) Progress {
	var mu sync.Mutex
	var current string
	var began, last time.Time
	return func(kind string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if kind != current || done == 1 {
			current, began, last = kind, now, now
		}
		took := now.Sub(began)
		if now.Sub(last) < progressEvery && (done < total || took < least) {
			return
		}
		last = now
		log(progressLine(kind, done, total, took.Seconds()))
	}
}

func progressLine(kind string, done, total int, took float64) string {
	if done >= total || done == 0 || took == 0 {
		return fmt.Sprintf("%s: %d of %d (%.1f s)", kind, done, total, took)
	}
	left := took / float64(done) * float64(total-done)
	return fmt.Sprintf("%s: %d of %d, %.0f/s, %.0f s left", kind, done, total, float64(done)/took, left)
}

// AwaitLocal waits until so many real pods of a node run, the hollow ones' companions.
func AwaitLocal(ctx context.Context, client kubernetes.Interface, node string, want int, report Progress) error {
	have, last := 0, error(nil)
	err := wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		have, last = running(ctx, client, node)
		report("local pods running", have, want)
		return have >= want, nil
	})
	if err != nil {
		return fmt.Errorf("wait for local pods: %d of %d run: %w", have, want, errors.Join(last, err))
	}
	return nil
}

// running counts the node's pods that run and have addresses, but for the cluster's own.
func running(ctx context.Context, client kubernetes.Interface, node string) (int, error) {
	list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{
		FieldSelector: fields.AndSelectors(
			fields.OneTermEqualSelector("spec.nodeName", node),
			fields.OneTermEqualSelector("status.phase", "Running"),
			fields.OneTermNotEqualSelector("metadata.namespace", metav1.NamespaceSystem),
		).String(),
		ResourceVersion: "0",
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range list.Items {
		if len(list.Items[i].Status.PodIPs) > 0 {
			n++
		}
	}
	return n, nil
}
