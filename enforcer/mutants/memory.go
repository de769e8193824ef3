//go:build mutants

package mutants

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

func podOf(o object) *corev1.Pod { return o.(*corev1.Pod) }

// each event, but for the first list, is kept or lost.
func lose(lost func(event) bool) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			if !e.initial && lost(e) {
				return nil
			}
			return []event{e}
		}
	}
}

func relabelled(e event) bool {
	return e.was != nil && !maps.Equal(e.was.GetLabels(), e.object.GetLabels())
}

// memory are faults in what an enforcer learns of pods and namespaces, and when.
func memory() []Mutant {
	return []Mutant{
		{Name: "pod-labels-missed", Says: "a change of a pod's labels is missed", Cases: list(onLabels), begin: func(n *node) {
			n.change = func(e event) []event {
				if e.is(watch.Pods, apiwatch.Modified) && relabelled(e) {
					e.object.SetLabels(e.was.GetLabels())
				}
				return []event{e}
			}
		}},
		{Name: "namespace-labels-missed", Says: "a change of a namespace's labels is missed", Cases: list(onSpaces), begin: lose(func(e event) bool { return e.is(watch.Namespaces, apiwatch.Modified) })},
		{Name: "pod-deletions-missed", Says: "a pod's address keeps the rights of the pod that is gone", Cases: list(onPods), begin: lose(func(e event) bool { return e.is(watch.Pods, apiwatch.Deleted) })},
		{Name: "new-pods-unknown", Says: "pods that come later are not known", Cases: list(onPods), begin: lose(func(e event) bool { return e.kind == watch.Pods && e.was == nil })},
		{Name: "policies-12s-late", Says: "policies are known 12 s late", Cases: list(denies), begin: func(n *node) {
			n.change = func(e event) []event {
				if e.kind == watch.Policies {
					e = e.late(12 * time.Second)
				}
				return []event{e}
			}
		}},
	}
}
