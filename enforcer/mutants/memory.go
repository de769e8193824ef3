//go:build mutants

package mutants

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/watch"
)

func podOf(o object) *corev1.Pod { return o.(*corev1.Pod) }

// each has a fault look at each event that is no part of the first list.
func each(f func(n *node, e event) []event) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			if e.initial {
				return []event{e}
			}
			return f(n, e)
		}
	}
}

// lose loses events.
func lose(lost func(event) bool) func(*node) {
	return each(func(_ *node, e event) []event {
		if lost(e) {
			return nil
		}
		return []event{e}
	})
}

// loseKind loses all news of that kind and type.
func loseKind(k watch.Kind, t apiwatch.EventType) func(*node) {
	return lose(func(e event) bool { return e.is(k, t) })
}

// alter changes events on their way.
func alter(f func(e event)) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			f(e)
			return []event{e}
		}
	}
}

// late tells of some news later.
func late(by time.Duration, which func(event) bool) func(*node) {
	return each(func(_ *node, e event) []event {
		if which(e) {
			e = e.late(by)
		}
		return []event{e}
	})
}

// trusting is a fault of an enforcer that leaves pods open which it does not know.
func trusting(f func(*node)) func(*node) {
	return func(n *node) {
		n.trusting = true
		f(n)
	}
}

// unlinked is a fault of such an enforcer that does not know either by which link a pod is there.
func unlinked(f func(*node)) func(*node) {
	return func(n *node) {
		seenAs(credulous{host.New()})(n)
		trusting(f)(n)
	}
}

// labels has labels that change become what f makes of those known and the new ones.
func labels(k watch.Kind, f func(old, now map[string]string) map[string]string) func(*node) {
	return alter(func(e event) {
		if e.is(k, apiwatch.Modified) && e.gave != nil {
			e.object.SetLabels(f(e.gave.GetLabels(), e.object.GetLabels()))
		}
	})
}

func keepOld(old, _ map[string]string) map[string]string { return old }

func onlyAdd(old, now map[string]string) map[string]string {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, now)
	return out
}

// onlyNew takes over new labels, and goes on with the old values of the others.
func onlyNew(old, now map[string]string) map[string]string { return onlyAdd(now, old) }

// ports changes the ports of a pod's containers.
func ports(e event, f func(p *corev1.ContainerPort)) {
	for i := range e.pod().Spec.Containers {
		for j := range e.pod().Spec.Containers[i].Ports {
			f(&e.pod().Spec.Containers[i].Ports[j])
		}
	}
}

func nameless(p *corev1.ContainerPort) { p.Name = "" }

// firstPorts gives each pod the numbers that the first pod had for its ports' names.
func firstPorts(n *node) {
	type port struct {
		name     string
		protocol corev1.Protocol
	}
	first := map[port]int32{}
	n.change = func(e event) []event {
		if e.kind == watch.Pods {
			ports(e, func(p *corev1.ContainerPort) {
				k := port{p.Name, p.Protocol}
				if _, ok := first[k]; !ok {
					first[k] = p.ContainerPort
				}
				p.ContainerPort = first[k]
			})
		}
		return []event{e}
	}
}

// remembered gives a pod that is created again what the first of its name had.
func remembered(f func(first, now *corev1.Pod)) func(*node) {
	return func(n *node) {
		first := map[string]*corev1.Pod{}
		n.change = func(e event) []event {
			if e.kind != watch.Pods {
				return []event{e}
			}
			p, ok := first[keyOf(e.object)]
			if ok && p.UID != e.object.GetUID() {
				f(p, e.pod())
			} else if len(e.pod().Status.PodIPs) > 0 {
				first[keyOf(e.object)] = copyOf(e.pod())
			}
			return []event{e}
		}
	}
}

func unready(p *corev1.Pod) bool {
	return !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

const (
	namedPorts      = "life-named-port-of-new-pod port-named port-named-differs-per-pod port-named-udp port-named-by-address"
	otherNodes      = "peer-namespace peer-pod-selector peer-two-pod-selectors egress-pod-of-other-namespace"
	reusedAddresses = "address-reused-after-delete-ingress address-reused-after-delete-egress address-reused-by-subject-ingress address-reused-by-subject-egress"
	goneLabels      = "life-label-goes-with-pod-ingress life-label-goes-with-pod-egress"
	newSpaces       = "life-namespace life-namespace-as-egress-peer life-policy-of-deleted-namespace"
)

// memory are faults in what an enforcer learns of pods and namespaces, and when.
func memory() []Mutant {
	return slices.Concat(memoryOfLabels(), memoryOfPods(), memoryOfAddresses(), memoryOfPorts())
}

func memoryOfLabels() []Mutant {
	return []Mutant{
		{Name: "pod-labels-missed", Says: "changes of pods' labels are missed", Cases: list(onLabels), begin: labels(watch.Pods, keepOld)},
		{Name: "pod-labels-only-added", Says: "a pod's labels are added and changed but never removed", Cases: list(onLabels + " label-pod-exists-egress label-server label-pod-not-in-ingress"), begin: labels(watch.Pods, onlyAdd)},
		{Name: "pod-labels-keep-values", Says: "a label that a pod has keeps its first value", Cases: list(onLabels + " label-pod-value-egress"), begin: labels(watch.Pods, onlyNew)},
		{Name: "every-second-pod-label-missed", Says: "every second change of a pod's labels is missed", Cases: list(onLabels + " label-subject-moves-egress"), begin: everyOf(2, func(e event) bool { return e.is(watch.Pods, apiwatch.Modified) && relabelled(e) })},
		{Name: "pod-labels-8s-late", Says: "changes of pods' labels are known 8 s late", Cases: list(onLabels), begin: late(8*time.Second, func(e event) bool { return e.is(watch.Pods, apiwatch.Modified) })},
		{Name: "later-lists-ignored", Says: "a list that is not the first tells of nothing new", Cases: list("restart-api-policies restart-api-labels"), begin: func(n *node) {
			n.change = func(e event) []event {
				if e.again && e.gave == nil {
					return nil
				}
				if e.again {
					e.object = e.gave
				}
				return []event{e}
			}
		}},
		{Name: "namespace-labels-missed", Says: "changes of namespaces' labels are missed", Cases: list(onSpaces), begin: labels(watch.Namespaces, keepOld)},
		{Name: "namespace-labels-only-added", Says: "a namespace's labels are added and changed but never removed", Cases: list(onSpaces + " label-namespace-exists-egress label-namespace-does-not-exist-ingress"), begin: labels(watch.Namespaces, onlyAdd)},
		{Name: "namespace-labels-keep-values", Says: "a label that a namespace has keeps its first value", Cases: list(onSpaces + " label-namespace-value-egress label-namespace-not-in-egress"), begin: labels(watch.Namespaces, onlyNew)},
		{Name: "namespace-labels-8s-late", Says: "changes of namespaces' labels are known 8 s late", Cases: list(onSpaces), begin: late(8*time.Second, func(e event) bool { return e.is(watch.Namespaces, apiwatch.Modified) })},
		{Name: "new-namespaces-unknown", Says: "namespaces that come later are not known", Cases: list(newSpaces), begin: lose(func(e event) bool { return e.kind == watch.Namespaces && e.gave == nil })},
		{Name: "new-namespaces-without-labels", Says: "of namespaces that come later only later labels count", Cases: list(newSpaces), begin: alter(func(e event) {
			if e.is(watch.Namespaces, apiwatch.Added) {
				e.object.SetLabels(nil)
			}
		})},
	}
}

func relabelled(e event) bool {
	return e.was != nil && !maps.Equal(e.was.GetLabels(), e.object.GetLabels())
}

func isNew(e event) bool { return e.kind == watch.Pods && e.gave == nil }

func memoryOfPods() []Mutant {
	return []Mutant{
		{Name: "pod-deletions-missed", Says: "an address keeps what the pod that is gone had", Cases: list(goneLabels + " " + reusedAddresses), begin: loseKind(watch.Pods, apiwatch.Deleted)},
		{Name: "new-pods-unknown", Says: "pods that come later are not known", Cases: list(onPods), begin: lose(isNew)},
		{Name: "new-pods-known-2s-late", Says: "new pods are known 2 s late, and open until then", Timed: true, Cases: list(onNewPods), begin: trusting(late(2*time.Second, func(e event) bool { return e.kind == watch.Pods && e.of != apiwatch.Deleted }))},
		{Name: "new-pods-known-300ms-late", Says: "new pods are known 300 ms late, and open until then", Timed: true, Cases: list(onNewPods), begin: trusting(late(300*ms, func(e event) bool { return e.kind == watch.Pods && e.of != apiwatch.Deleted }))},
		{Name: "pods-known-when-ready", Says: "a pod is known when it is ready, and open until then", Timed: true, Cases: list(onNewPods), begin: trusting(lose(func(e event) bool { return isNew(e) && unready(e.pod()) }))},
		{Name: "pods-forgotten-when-terminating", Says: "a pod that is being deleted is open while it still runs", Cases: list("life-pod-terminates-ingress life-pod-terminates-as-peer"), begin: unlinked(each(func(_ *node, e event) []event {
			if e.kind == watch.Pods && e.object.GetDeletionTimestamp() != nil {
				e = e.as(apiwatch.Deleted)
			}
			return []event{e}
		}))},
		{Name: "recreated-pods-missed", Says: "a pod of a name that was there before is not known", Cases: list("life-pod-recreated life-policy-of-deleted-namespace life-pod-under-policy"), begin: remembered(func(_, now *corev1.Pod) { now.Status.PodIPs = nil })},
		{Name: "recreated-pods-keep-address", Says: "a pod that is created again keeps its first address", Cases: list("life-pod-recreated new-pod-recreated-ingress new-pod-recreated-egress life-policy-of-deleted-namespace"), begin: remembered(func(first, now *corev1.Pod) { now.Status.PodIPs = first.Status.PodIPs })},
		{Name: "recreated-pods-keep-labels", Says: "a pod that is created again keeps its first labels", Cases: list(goneLabels), begin: remembered(func(first, now *corev1.Pod) { now.Labels = first.Labels })},
	}
}

// firstPods is the memory of who keeps one pod of each namespace.
func firstPods(n *node) {
	first := map[string]string{}
	n.change = func(e event) []event {
		of := e.object.GetNamespace()
		if e.kind == watch.Pods && first[of] == "" {
			first[of] = e.object.GetName()
		}
		if e.kind == watch.Pods && first[of] != e.object.GetName() {
			return nil
		}
		return []event{e}
	}
}

func memoryOfAddresses() []Mutant {
	return []Mutant{
		{Name: "first-pod-of-namespace-only", Says: "of each namespace only the first pod is known", Cases: list(denies), begin: firstPods},
		{Name: "local-pods-only", Says: "only pods of the node itself are known", Cases: list(otherNodes), begin: func(n *node) {
			n.change = func(e event) []event {
				if e.kind == watch.Pods && e.pod().Spec.NodeName != n.name {
					return nil
				}
				return []event{e}
			}
		}},
		{Name: "new-pods-of-other-nodes-unknown", Says: "pods that come to other nodes later are not known", Cases: list(onPods), begin: func(n *node) {
			lose(func(e event) bool { return isNew(e) && e.pod().Spec.NodeName != n.name })(n)
		}},
		{Name: "first-address-only", Says: "of a pod's addresses only the first is known", Cases: list(denies), begin: alter(func(e event) {
			if e.kind == watch.Pods {
				p := e.pod()
				p.Status.PodIPs = p.Status.PodIPs[:min(1, len(p.Status.PodIPs))]
			}
		})},
		{Name: "first-address-of-new-pods-only", Says: "of a new pod's addresses only the first is known", Cases: list(onPods), begin: alter(func(e event) {
			if e.kind == watch.Pods && !e.initial {
				p := e.pod()
				p.Status.PodIPs = p.Status.PodIPs[:min(1, len(p.Status.PodIPs))]
			}
		})},
		{Name: "host-network-as-pods", Says: "pods of the host's network are pods like others, at their node's addresses", Cases: list("node-is-no-pod node-as-destination node-pods-of-own-namespace node-absent-peers-ingress"), begin: func(n *node) {
			n.widely = true
			alter(func(e event) {
				if e.kind == watch.Pods {
					e.pod().Spec.HostNetwork = false
				}
			})(n)
		}},
	}
}

func memoryOfPorts() []Mutant {
	return []Mutant{
		{Name: "named-ports-of-first-pod", Says: "a port's name is resolved once, by the first pod that has it", Cases: list(namedPorts + " port-named-differs-for-udp"), begin: firstPorts},
		{Name: "named-ports-of-new-pods-unknown", Says: "named ports are not resolved anew for pods that come later", Cases: list("life-named-port-of-new-pod life-named-port-of-new-pod-egress"), begin: alter(func(e event) {
			if e.kind == watch.Pods && !e.initial {
				ports(e, nameless)
			}
		})},
		{Name: "named-ports-forgotten-at-labels", Says: "a pod's named ports are forgotten when its labels change", Cases: list("label-unrelated-keeps-names-ingress label-unrelated-keeps-names-egress"), begin: alter(func(e event) {
			if e.is(watch.Pods, apiwatch.Modified) && relabelled(e) {
				ports(e, nameless)
			}
		})},
	}
}

// everyOf loses every k-th of some events.
func everyOf(k int, which func(event) bool) func(*node) {
	return func(n *node) {
		count := 0
		lose(func(e event) bool {
			if !which(e) {
				return false
			}
			count++
			return count%k == 0
		})(n)
	}
}
