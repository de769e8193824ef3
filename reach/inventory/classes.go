package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
)

// Class is pods that no NetworkPolicy can tell apart by their objects: of one namespace, with the
// same labels and ports, all or none on the host network. Addresses and nodes may differ.
type Class struct {
	Key     string
	Pod     model.Pod // the first member, its labels without those that nothing selects by
	Members []int     // indexes into Pods, in their order
}

// Classes groups the pods, in the order of their first member. Pods that split says different
// things of are in different classes; nil splits nothing. What the other policies select by tells
// pods apart too.
func (v *Inventory) Classes(split func(*model.Pod) string, others ...*netv1.NetworkPolicy) []Class {
	drop := v.unselected(others)
	var out []Class
	at := map[string]int{}
	for i := range v.Pods {
		p := &v.Pods[i]
		labels := without(p.Labels, drop)
		key := classKey(p, labels)
		if split != nil {
			key += " " + split(p)
		}
		j, ok := at[key]
		if !ok {
			j = len(out)
			at[key] = j
			first := *p
			first.Labels = labels
			out = append(out, Class{Key: key, Pod: first})
		}
		out[j].Members = append(out[j].Members, i)
	}
	return out
}

func classKey(p *model.Pod, labels map[string]string) string {
	var b strings.Builder
	b.WriteString(p.Namespace)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, ",%s=%s", k, labels[k])
	}
	for _, port := range sortedPorts(p.Ports) {
		fmt.Fprintf(&b, ",%s:%d/%s", port.Name, port.Number, port.Protocol)
	}
	if p.HostNetwork {
		b.WriteString(",host")
	}
	return b.String()
}

func sortedPorts(ports []model.Port) []model.Port {
	ports = slices.Clone(ports)
	slices.SortFunc(ports, func(a, b model.Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(ports)
}

// generated are labels that controllers give each pod or each rollout: by them no two pods would
// be equal.
func generated() []string {
	return []string{
		"pod-template-hash", "controller-revision-hash", "pod-template-generation",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
		"controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name",
		"batch.kubernetes.io/job-completion-index",
	}
}

// unselected are the generated labels that no selector of these policies or of a Service asks for.
func (v *Inventory) unselected(others []*netv1.NetworkPolicy) []string {
	asked := map[string]bool{}
	for _, p := range slices.Concat(v.Policies, others) {
		for _, s := range Selectors(&p.Spec) {
			for k := range s.MatchLabels {
				asked[k] = true
			}
			for _, r := range s.MatchExpressions {
				asked[r.Key] = true
			}
		}
	}
	for i := range v.Services {
		for k := range v.Services[i].Selector {
			asked[k] = true
		}
	}
	return slices.DeleteFunc(generated(), func(k string) bool { return asked[k] })
}

// Selectors are all that a policy has: of its subjects, and of pods and namespaces of its peers.
func Selectors(spec *netv1.NetworkPolicySpec) []*metav1.LabelSelector {
	out := []*metav1.LabelSelector{&spec.PodSelector}
	for _, p := range Peers(spec) {
		for _, s := range []*metav1.LabelSelector{p.PodSelector, p.NamespaceSelector} {
			if s != nil {
				out = append(out, s)
			}
		}
	}
	return out
}

// Peers are those of all rules of a policy.
func Peers(spec *netv1.NetworkPolicySpec) []*netv1.NetworkPolicyPeer {
	var out []*netv1.NetworkPolicyPeer
	for i := range spec.Ingress {
		for j := range spec.Ingress[i].From {
			out = append(out, &spec.Ingress[i].From[j])
		}
	}
	for i := range spec.Egress {
		for j := range spec.Egress[i].To {
			out = append(out, &spec.Egress[i].To[j])
		}
	}
	return out
}

func without(labels map[string]string, drop []string) map[string]string {
	if !slices.ContainsFunc(drop, func(k string) bool { _, ok := labels[k]; return ok }) {
		return labels
	}
	labels = maps.Clone(labels)
	for _, k := range drop {
		delete(labels, k)
	}
	return labels
}
