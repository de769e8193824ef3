//go:build mutants

package mutants

import (
	"slices"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/watch"
)

func ofPolicies(e event) bool { return e.kind == watch.Policies }

// removed is a policy's edit as a removal, and a creation some time later.
func removed(lasts time.Duration) func(*node) {
	return each(func(_ *node, e event) []event {
		if !e.is(watch.Policies, apiwatch.Modified) {
			return []event{e}
		}
		return []event{e.as(apiwatch.Deleted), e.as(apiwatch.Added).late(lasts)}
	})
}

// edited is what f makes of the policy that the enforcer has and the one that it is to have.
func edited(f func(old, now *netv1.NetworkPolicySpec)) func(*node) {
	return alter(func(e event) {
		if e.is(watch.Policies, apiwatch.Modified) && e.gave != nil {
			f(&e.gave.(*netv1.NetworkPolicy).Spec, &e.policy().Spec)
		}
	})
}

// eachPort calls f with all ports of a policy.
func eachPort(s *netv1.NetworkPolicySpec, f func(p *netv1.NetworkPolicyPort)) {
	for i := range s.Ingress {
		for j := range s.Ingress[i].Ports {
			f(&s.Ingress[i].Ports[j])
		}
	}
	for i := range s.Egress {
		for j := range s.Egress[i].Ports {
			f(&s.Egress[i].Ports[j])
		}
	}
}

// others takes other policies along with some news: those that match.
func others(t apiwatch.EventType, match func(it, other *netv1.NetworkPolicy) bool) func(*node) {
	return each(func(n *node, e event) []event {
		out := []event{e}
		if !e.is(watch.Policies, t) {
			return out
		}
		for _, o := range n.given[watch.Policies] {
			other := o.(*netv1.NetworkPolicy)
			if other.UID != e.object.GetUID() && match(e.policy(), other) {
				gone := e.as(apiwatch.Deleted)
				gone.object = copyOf(other)
				out = append(out, gone)
			}
		}
		return out
	})
}

func sameNamespace(it, other *netv1.NetworkPolicy) bool { return it.Namespace == other.Namespace }

func sameSubject(it, other *netv1.NetworkPolicy) bool {
	return sameNamespace(it, other) && it.Spec.PodSelector.String() == other.Spec.PodSelector.String()
}

// sameName compares names within one fixture set: others work at the same time, and their
// namespaces have another prefix.
func sameName(it, other *netv1.NetworkPolicy) bool {
	set := func(p *netv1.NetworkPolicy) string { return p.Namespace[:strings.LastIndex(p.Namespace, "-")+1] }
	return it.Namespace != other.Namespace && it.Name == other.Name && set(it) == set(other)
}

// forgotten has a policy deleted some time after its creation.
func forgotten(after time.Duration) func(*node) {
	return each(func(_ *node, e event) []event {
		if e.is(watch.Policies, apiwatch.Added) {
			return []event{e, e.as(apiwatch.Deleted).late(after)}
		}
		return []event{e}
	})
}

// onNode puts a fault to work on one node only.
func onNode(number string, f func(*node)) func(*node) {
	return func(n *node) {
		if strings.HasSuffix(n.name, number) {
			f(n)
		}
	}
}

// again is a policy of a name that was there before; f says what becomes of it.
func again(f func(e event, old *netv1.NetworkPolicy) []event) func(*node) {
	return func(n *node) {
		gone := map[string]*netv1.NetworkPolicy{}
		n.change = func(e event) []event {
			if !ofPolicies(e) {
				return []event{e}
			}
			old := gone[keyOf(e.object)]
			if e.of == apiwatch.Deleted {
				gone[keyOf(e.object)] = copyOf(e.policy())
			} else if e.is(watch.Policies, apiwatch.Added) && old != nil {
				return f(e, old)
			}
			return []event{e}
		}
	}
}

const (
	stacks   = "stack-three-policies-ingress stack-four-policies-egress stack-deny-and-pod-ingress stack-deny-and-pod-egress stack-directions-of-two-policies"
	unstacks = "update-delete-one-of-three-ingress update-delete-deny-beside-allow-egress stack-order-of-creation stack-duplicates"
	anew     = "flap-recreated-policy-egress flap-policy-ends-there-ingress flap-policy-ends-gone-egress life-policy-of-deleted-namespace"
	twins    = "isolation-same-name-in-two-namespaces stack-same-policy-in-two-namespaces-ingress isolation-two-namespaces"
)

// edits are faults in what an enforcer makes of policies that come, change and go.
func edits() []Mutant { return slices.Concat(lostNews(), halfEdits(), mixedUp()) }

func lostNews() []Mutant {
	return []Mutant{
		{Name: "policy-removed-at-edits", Says: "a policy that is edited is removed and added again 100 ms later", Timed: true, Cases: list(onEdits), begin: removed(100 * ms)},
		{Name: "policy-removed-at-edits-for-1s", Says: "a policy that is edited is removed and added again 1 s later", Timed: true, Cases: list(onEdits), begin: removed(time.Second)},
		{Name: "edits-missed", Says: "edits of policies are missed", Cases: list(onEdits), begin: loseKind(watch.Policies, apiwatch.Modified)},
		{Name: "deletions-missed", Says: "deletions of policies are missed", Cases: list(onDeletes), begin: loseKind(watch.Policies, apiwatch.Deleted)},
		{Name: "policies-8s-late", Says: "everything about policies is known 8 s late", Cases: list(denies), begin: late(8*time.Second, ofPolicies)},
		{Name: "deletions-8s-late", Says: "deletions of policies are known 8 s late", Cases: list(onDeletes), begin: late(8*time.Second, func(e event) bool { return e.is(watch.Policies, apiwatch.Deleted) })},
		{Name: "policies-1s-late", Says: "everything about policies is known 1 s late", Equivalent: "the API promises that policies are applied eventually: lateness is measured and reported, not failed", begin: late(time.Second, ofPolicies)},
		{Name: "updates-lost-after-5", Says: "after five news of policies no more are heard", Cases: list(denies), begin: func(n *node) {
			count := 0
			lose(func(e event) bool {
				if ofPolicies(e) {
					count++
				}
				return ofPolicies(e) && count > 5
			})(n)
		}},
		{Name: "every-third-update-lost", Says: "every third of the news of policies is lost", Cases: list(denies), begin: everyOf(3, ofPolicies)},
		{Name: "every-seventh-update-lost", Says: "every seventh of the news of policies is lost", Timed: true, Cases: list(denies), begin: everyOf(7, ofPolicies)},
		{Name: "policies-forgotten-after-1s", Says: "a policy is forgotten 1 s after its creation", Cases: list(denies), begin: forgotten(time.Second)},
		{Name: "policies-forgotten-after-3s", Says: "a policy is forgotten 3 s after its creation", Timed: true, Cases: list("update-policy update-peer-ingress label-subject label-namespace flap-policy-rules-ingress life-pod-under-policy"), begin: forgotten(3 * time.Second)},
		{Name: "recreated-policies-missed", Says: "a policy of a name that was there before is missed", Cases: list(anew), begin: again(func(event, *netv1.NetworkPolicy) []event { return nil })},
		{Name: "recreated-policies-are-old", Says: "a policy of a name that was there before has its old content", Cases: list(anew), begin: again(func(e event, old *netv1.NetworkPolicy) []event {
			e.policy().Spec = old.Spec
			return []event{e}
		})},
		{Name: "policies-of-new-namespaces-missed", Says: "policies of namespaces that come later are missed", Cases: list("life-policy-of-deleted-namespace life-pod-under-policy life-namespace"), begin: func(n *node) {
			fresh := map[string]bool{}
			n.change = func(e event) []event {
				if e.is(watch.Namespaces, apiwatch.Added) && len(n.all(watch.Namespaces, "")) > 0 {
					fresh[e.object.GetName()] = true
				}
				if ofPolicies(e) && fresh[e.object.GetNamespace()] {
					return nil
				}
				return []event{e}
			}
		}},
		{Name: "one-node-without-policies", Says: "the enforcer of one node misses all policies", Cases: list(denies), begin: onNode("2", lose(ofPolicies))},
		{Name: "one-node-misses-edits", Says: "the enforcer of one node misses edits of policies", Cases: list(onEdits), begin: onNode("1", loseKind(watch.Policies, apiwatch.Modified))},
		{Name: "one-node-misses-deletions", Says: "the enforcer of one node misses deletions of policies", Cases: list(onDeletes), begin: onNode("1", loseKind(watch.Policies, apiwatch.Deleted))},
		{Name: "one-node-misses-pod-labels", Says: "the enforcer of one node misses changes of pods' labels", Cases: list(onLabels), begin: onNode("1", labels(watch.Pods, keepOld))},
	}
}

func halfEdits() []Mutant {
	type spec = netv1.NetworkPolicySpec
	return []Mutant{
		{Name: "edits-of-ingress-missed", Says: "edits of a policy's ingress rules are missed", Cases: list("update-peer-ingress update-port-ingress update-rule-added-ingress update-block-ingress"), begin: edited(func(old, now *spec) { now.Ingress = old.Ingress })},
		{Name: "edits-of-egress-missed", Says: "edits of a policy's egress rules are missed", Cases: list("update-peer-egress update-rule-removed-egress update-operator-egress update-protocol-egress"), begin: edited(func(old, now *spec) { now.Egress = old.Egress })},
		{Name: "edits-of-subject-missed", Says: "edits of a policy's pod selector are missed", Cases: list("update-subject update-subject-grows-egress update-subject-moves-ingress"), begin: edited(func(old, now *spec) { now.PodSelector = old.PodSelector })},
		{Name: "edits-of-types-missed", Says: "edits of a policy's types are missed", Cases: list("update-types-added update-types-changed"), begin: edited(func(old, now *spec) { now.PolicyTypes = old.PolicyTypes })},
		{Name: "edits-of-ports-missed", Says: "edits of the ports of a policy's first ingress rule are missed", Cases: list("update-port-ingress update-end-port-ingress update-patch-ingress"), begin: edited(func(old, now *spec) {
			if len(old.Ingress) > 0 && len(now.Ingress) > 0 {
				now.Ingress[0].Ports = old.Ingress[0].Ports
			}
		})},
		{Name: "end-port-lost-at-edits", Says: "a policy that is edited loses its end ports", Cases: list("update-end-port-ingress update-rule-added-egress"), begin: edited(func(_, now *spec) {
			eachPort(now, func(p *netv1.NetworkPolicyPort) { p.EndPort = nil })
		})},
		{Name: "end-port-ignored", Says: "the end of a range of ports is ignored", Cases: list("port-range port-range-egress port-range-udp-ingress"), begin: alter(func(e event) {
			if ofPolicies(e) {
				eachPort(&e.policy().Spec, func(p *netv1.NetworkPolicyPort) { p.EndPort = nil })
			}
		})},
		{Name: "rules-only-added", Says: "rules that an edit removes from a policy stay", Cases: list("update-rule-removed-egress update-peer-ingress update-peer-removed-egress update-to-deny-ingress"), begin: edited(func(old, now *spec) {
			now.Ingress, now.Egress = append(now.Ingress, old.Ingress...), append(now.Egress, old.Egress...)
		})},
		{Name: "new-rules-missed", Says: "rules that an edit adds to a policy are missed", Cases: list("update-rule-added-ingress update-rule-added-egress"), begin: edited(func(old, now *spec) {
			now.Ingress = now.Ingress[:min(len(now.Ingress), max(1, len(old.Ingress)))]
			now.Egress = now.Egress[:min(len(now.Egress), max(1, len(old.Egress)))]
		})},
		{Name: "excepts-kept-at-edits", Says: "edits of the excepts of a policy's address blocks are missed", Cases: list("update-except-added-ingress update-except-removed-egress update-ipblocks"), begin: edited(keepExcepts)},
	}
}

// keepExcepts gives blocks that were there the excepts that they had.
func keepExcepts(old, now *netv1.NetworkPolicySpec) {
	had := map[string][]string{}
	each := func(s *netv1.NetworkPolicySpec, f func(*netv1.IPBlock)) {
		for _, r := range s.Ingress {
			for _, p := range r.From {
				f(p.IPBlock)
			}
		}
		for _, r := range s.Egress {
			for _, p := range r.To {
				f(p.IPBlock)
			}
		}
	}
	each(old, func(b *netv1.IPBlock) {
		if b != nil {
			had[b.CIDR] = b.Except
		}
	})
	each(now, func(b *netv1.IPBlock) {
		if b == nil {
			return
		}
		if except, ok := had[b.CIDR]; ok {
			b.Except = except
		}
	})
}

func mixedUp() []Mutant {
	return []Mutant{
		{Name: "newest-policy-wins", Says: "a new policy replaces those of its namespace", Cases: list(stacks), begin: others(apiwatch.Added, sameNamespace)},
		{Name: "newest-policy-of-subject-wins", Says: "a new policy replaces those with the same pod selector", Cases: list(stacks), begin: others(apiwatch.Added, sameSubject)},
		{Name: "edited-policy-wins", Says: "a policy that is edited replaces those of its namespace", Cases: list("update-one-of-two-ingress update-rule-added-egress"), begin: others(apiwatch.Modified, sameNamespace)},
		{Name: "second-policy-missed", Says: "a second policy of a namespace is missed", Cases: list(stacks), begin: each(func(n *node, e event) []event {
			if e.is(watch.Policies, apiwatch.Added) {
				for _, o := range n.given[watch.Policies] {
					if sameNamespace(e.policy(), o.(*netv1.NetworkPolicy)) {
						return nil
					}
				}
			}
			return []event{e}
		})},
		{Name: "deletion-forgets-namespace", Says: "a policy's deletion forgets the others of its namespace", Cases: list(unstacks), begin: others(apiwatch.Deleted, sameNamespace)},
		{Name: "deletion-forgets-subject", Says: "a policy's deletion forgets the others with the same pod selector", Cases: list(unstacks), begin: others(apiwatch.Deleted, sameSubject)},
		{Name: "names-collide", Says: "a policy replaces one of the same name in another namespace", Cases: list(twins), begin: others(apiwatch.Added, sameName)},
		{Name: "deletion-by-name", Says: "a policy's deletion deletes one of the same name in another namespace", Cases: list("isolation-same-name-in-two-namespaces update-delete-same-name-ingress"), begin: others(apiwatch.Deleted, sameName)},
	}
}
