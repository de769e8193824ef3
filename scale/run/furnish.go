package run

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/scale/load"
)

// furnish writes the load of a guest: namespaces, real pods as far as there is room for them, and
// policies.
type furnish struct {
	*traffic
	load *population
}

func (p furnish) Execute(ctx context.Context) error {
	o, start := &p.load.objects, time.Now()
	err := p.writer.Each(ctx, "create namespaces", len(o.Namespaces), func(ctx context.Context, i int) error {
		return p.makeSpace(ctx, o.Namespaces[i])
	})
	if err != nil {
		return err
	}
	running, err := p.fill(ctx, o.Local)
	if err != nil {
		return err
	}
	if err := p.writer.Policies(ctx, o.Policies); err != nil {
		return err
	}
	p.note("populated in %.0f s: %d pods that run, %d policies in %d namespaces", time.Since(start).Seconds(), running, len(o.Policies), len(o.Namespaces))
	return nil
}

// perNode is how many pods of the load go to a node before more nodes are used than a few.
const perNode = 50

// fewNodes are used however small the load is.
const fewNodes = 16

// fill starts pods, on nodes in turn, and waits for them. It gives how many run. What quota and
// nodes don't have room for is left out, with a note.
func (p furnish) fill(ctx context.Context, all []load.Pod) (int, error) {
	nodes := p.nodes[:min(len(p.nodes), max(fewNodes, (len(all)+perNode-1)/perNode))]
	places, err := p.room(ctx, nodes, len(all))
	if err != nil {
		return 0, err
	}
	if len(places) < len(all) {
		p.note("the nodes have room for %d of %d pods: the others are left out", len(places), len(all))
	}
	var over atomic.Int64
	err = p.writer.Each(ctx, "create pods", len(places), func(ctx context.Context, i int) error {
		pod := p.guestLoad(all[i], places[i])
		_, err := p.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		if overQuota(err) {
			over.Add(1)
			return nil
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	made := len(places) - int(over.Load())
	if made < len(places) {
		p.note("a quota permits %d of %d pods: the others are left out", made, len(places))
	}
	return p.awaitFilled(ctx, made)
}

// overQuota reports whether a pod was refused because a quota is used up.
func overQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// guestLoad has no prober: it is there to be selected.
func (p furnish) guestLoad(pod load.Pod, node int) *corev1.Pod {
	object := p.proberPod(pod.Namespace, pod.Name, node, nil)
	object.Labels = maps.Clone(pod.Labels)
	object.Labels[p.guest.Label] = p.guest.Run
	object.Spec.Containers[0].Ports = load.Ports()
	return object
}

// spare is how many places a node keeps for the pods that come and go.
const spare = 3

// room is a node for each of n pods, in turn, as far as nodes have places.
func (p furnish) room(ctx context.Context, nodes []string, n int) ([]int, error) {
	list, err := p.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	allocatable := map[string]int{}
	for i := range list.Items {
		allocatable[list.Items[i].Name] = int(list.Items[i].Status.Allocatable.Pods().Value())
	}
	free := make([]int, len(nodes))
	err = p.writer.Each(ctx, "count pods of nodes", len(nodes), func(ctx context.Context, i int) error {
		there, err := p.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: living(nodes[i]), ResourceVersion: "0"})
		if err == nil {
			free[i] = allocatable[nodes[i]] - len(there.Items) - spare
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return deal(free, n), nil
}

// living selects the pods of a node that have a place on it.
func living(node string) string {
	return fields.AndSelectors(
		fields.OneTermEqualSelector("spec.nodeName", node),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
	).String()
}

// deal gives n pods to nodes with so many free places, one by one in turn, until none has any.
func deal(free []int, n int) []int {
	var out []int
	for dealt := true; dealt; {
		dealt = false
		for i := range free {
			if len(out) == n {
				return out
			}
			if free[i] > 0 {
				free[i]--
				out, dealt = append(out, i), true
			}
		}
	}
	return out
}

// awaitFilled waits until the pods of the load run, or have failed, and gives how many run.
func (p furnish) awaitFilled(ctx context.Context, want int) (running int, err error) {
	patient, cancel := context.WithTimeout(ctx, 3*podPatience)
	defer cancel()
	why := "they did not start in time"
	err = wait.PollUntilContextCancel(patient, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		list, err := p.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: p.guest.Label + "=" + p.guest.Run, ResourceVersion: "0"})
		if err != nil {
			return false, nil //nolint:nilerr // it is asked again until patience ends
		}
		failed := 0
		running = 0
		for i := range list.Items {
			switch pod := &list.Items[i]; {
			case pod.Status.Phase == corev1.PodRunning && len(pod.Status.PodIPs) > 0:
				running++
			case pod.Status.Phase == corev1.PodFailed:
				failed++
				why = strings.TrimSpace(pod.Status.Reason + ": " + pod.Status.Message)
			}
		}
		p.writer.Progress("pods of the load running", running, want)
		return running+failed >= want, nil
	})
	if ctx.Err() != nil {
		return running, err
	}
	if running < want {
		p.note("%d of %d pods of the load run: %s", running, want, why)
	}
	return running, nil
}
