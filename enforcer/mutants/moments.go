//go:build mutants

package mutants

import (
	"context"
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

const (
	onEdits   = "update-policy update-peer-ingress update-port-ingress update-rule-added-ingress update-rule-removed-egress flap-policy-rules-ingress"
	onCreates = "stack-order-of-creation stack-seven-policies-ingress stack-four-policies-ingress isolation-deny-ingress isolation-deny-both"
	onDeletes = "update-delete-policy update-delete-one-of-three-ingress update-delete-deny-beside-allow-egress flap-recreated-policy-egress"
	onLabels  = "label-client label-subject flap-pod-label-ingress label-unrelated-ingress flap-subject-label-ingress"
	allAlong  = "sentinels isolation-deny-ingress"
	onSpaces  = "label-namespace flap-namespace-label-egress label-namespace-value-ingress"
	onPods    = "life-pod-under-policy life-pod-recreated life-pod-as-ingress-peer life-pod-as-egress-peer life-pod-of-egress-subject"
	onStarts  = "restart-engine-ingress restart-engine-egress-and-flow"
	onNewPods = "new-pod-ingress new-pod-egress"
)

func forEach(addresses []string, target string) []string {
	var out []string
	for _, a := range addresses {
		family := "4 "
		for _, c := range a {
			if c == ':' {
				family = "6 "
			}
		}
		out = append(out, family+"FWD -s "+a+" "+target, family+"FWD -d "+a+" "+target)
	}
	return out
}

// onEvent has a namespace's pods reached by rules for a while, from some time after the kernel
// has been written for an event of that kind.
func onEvent(k watch.Kind, t apiwatch.EventType, after, lasts time.Duration, target string) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			if e.is(k, t) {
				of := e.object.GetNamespace()
				if k == watch.Namespaces {
					of = ""
				}
				rules := forEach(n.addresses(of), target)
				n.enforced(func() { n.raw.hole(after, lasts, rules...) })
			}
			return []event{e}
		}
	}
}

const ms = time.Millisecond

// moments are faults that pass.
func moments() []Mutant {
	accept, drop := "-j ACCEPT", fresh+"-j DROP"
	return []Mutant{
		{Name: "open-5ms-at-edits", Says: "a namespace is open for 5 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 5*ms, accept)},
		{Name: "open-30ms-at-edits", Says: "a namespace is open for 30 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 30*ms, accept)},
		{Name: "open-100ms-at-edits", Says: "a namespace is open for 100 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 100*ms, accept)},
		{Name: "open-300ms-at-edits", Says: "a namespace is open for 300 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 300*ms, accept)},
		{Name: "reopens-after-creation", Says: "300 ms after a policy's creation its namespace is open for 150 ms", Timed: true, Cases: list(onCreates), begin: onEvent(watch.Policies, apiwatch.Added, 300*ms, 150*ms, accept)},
		{Name: "reopens-shortly-after-creation", Says: "100 ms after a policy's creation its namespace is open for 30 ms", Timed: true, Cases: list(onCreates), begin: onEvent(watch.Policies, apiwatch.Added, 100*ms, 30*ms, accept)},
		{Name: "open-30ms-at-further-policies", Says: "a namespace is open for 30 ms when another policy comes to it", Timed: true, Cases: list(onCreates), begin: onEvent(watch.Policies, apiwatch.Added, 0, 30*ms, accept)},
		{Name: "open-30ms-at-deletions", Says: "a namespace is open for 30 ms when one of its policies is deleted", Timed: true, Cases: list(onDeletes), begin: onEvent(watch.Policies, apiwatch.Deleted, 0, 30*ms, accept)},
		{Name: "open-100ms-at-deletions", Says: "a namespace is open for 100 ms when one of its policies is deleted", Timed: true, Cases: list(onDeletes), begin: onEvent(watch.Policies, apiwatch.Deleted, 0, 100*ms, accept)},
		{Name: "open-30ms-at-pod-labels", Says: "a namespace is open for 30 ms when a label of one of its pods changes", Timed: true, Cases: list(onLabels), begin: onEvent(watch.Pods, apiwatch.Modified, 0, 30*ms, accept)},
		{Name: "open-100ms-at-namespace-labels", Says: "everything is open for 100 ms when a namespace's label changes", Timed: true, Cases: list(onSpaces), begin: onEvent(watch.Namespaces, apiwatch.Modified, 0, 100*ms, accept)},
		{Name: "open-30ms-at-namespace-labels", Says: "everything is open for 30 ms when a namespace's label changes", Timed: true, Cases: list(onSpaces), begin: onEvent(watch.Namespaces, apiwatch.Modified, 0, 30*ms, accept)},
		{Name: "open-100ms-at-new-pods", Says: "a namespace is open for 100 ms when a pod comes to it", Timed: true, Cases: list(onPods), begin: onEvent(watch.Pods, apiwatch.Added, 0, 100*ms, accept)},
		{Name: "open-100ms-at-deleted-pods", Says: "a namespace is open for 100 ms when one of its pods goes", Timed: true, Cases: list(onPods), begin: onEvent(watch.Pods, apiwatch.Deleted, 0, 100*ms, accept)},
		{Name: "outage-30ms-at-edits", Says: "a namespace's new connections are dropped for 30 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 30*ms, drop)},
		{Name: "outage-100ms-at-edits", Says: "a namespace's new connections are dropped for 100 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 100*ms, drop)},
		{Name: "outage-300ms-at-edits", Says: "a namespace's new connections are dropped for 300 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 300*ms, drop)},
		{Name: "flows-cut-for-100ms-at-edits", Says: "a namespace's established connections are dropped for 100 ms when a policy of it is edited", Timed: true, Cases: list(onEdits), begin: onEvent(watch.Policies, apiwatch.Modified, 0, 100*ms, "-j DROP")},
		{Name: "open-20ms-every-2s", Says: "everything is open for 20 ms every 2 s, as by a resync that flushes", Timed: true, Cases: list(allAlong), begin: periodic(2*time.Second, 20*ms)},
		{Name: "open-100ms-every-5s", Says: "everything is open for 100 ms every 5 s, as by a resync that flushes", Timed: true, Cases: list(allAlong), begin: periodic(5*time.Second, 100*ms)},
		{Name: "flushes-at-start", Says: "the agent removes its rules when it starts, and writes them anew", Timed: true, Cases: list(onStarts), begin: func(n *node) {
			if err := flush(context.Background()); err != nil {
				n.log.Error("flush failed", "error", err)
			}
		}},
		{Name: "new-pods-open-2s", Says: "a new pod is open for 2 s", Timed: true, Cases: list(onNewPods), begin: newPods(2*time.Second, "-j ACCEPT")},
		{Name: "new-pods-open-500ms", Says: "a new pod is open for 500 ms", Timed: true, Cases: list(onNewPods), begin: newPods(500*ms, "-j ACCEPT")},
		{Name: "new-pods-open-100ms", Says: "a new pod is open for 100 ms", Timed: true, Cases: list(onNewPods), begin: newPods(100*ms, "-j ACCEPT")},
	}
}

// periodic opens everything for a while, again and again.
func periodic(every, lasts time.Duration) func(*node) {
	return func(n *node) {
		var again func()
		again = func() {
			n.raw.hole(0, lasts, "FWD -j ACCEPT")
			time.AfterFunc(every, again)
		}
		time.AfterFunc(every, again)
	}
}

// newPods treats a pod by rules of its own from when it is known to have an address.
func newPods(lasts time.Duration, target string) func(*node) {
	return func(n *node) {
		n.change = func(e event) []event {
			if e.kind == watch.Pods && !e.initial && e.of != apiwatch.Deleted {
				now := addressesOf(e.pod())
				if len(now) > 0 && (e.was == nil || len(addressesOf(podOf(e.was))) == 0) {
					n.raw.hole(0, lasts, forEach(now, target)...)
				}
			}
			return []event{e}
		}
	}
}
