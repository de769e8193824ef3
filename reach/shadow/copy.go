package shadow

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// podSecurity begins the labels by which a namespace says what its pods may do.
const podSecurity = "pod-security.kubernetes.io/"

// visible is the state with no labels but those that some selector of a policy names, and those of
// Pod Security: other labels change no verdict, and may have webhooks and operators meddle with
// pods that are not theirs.
func visible(v *inventory.Inventory) *inventory.Inventory {
	pods, spaces := map[string]bool{}, map[string]bool{corev1.LabelMetadataName: true}
	for _, p := range v.Policies {
		noteKeys(pods, &p.Spec.PodSelector)
		for _, peer := range inventory.Peers(&p.Spec) {
			noteKeys(pods, peer.PodSelector)
			noteKeys(spaces, peer.NamespaceSelector)
		}
	}
	out := *v
	out.Pods, out.Namespaces = slices.Clone(v.Pods), slices.Clone(v.Namespaces)
	for i := range out.Pods {
		out.Pods[i].Labels = only(out.Pods[i].Labels, func(key string) bool { return pods[key] })
	}
	for i := range out.Namespaces {
		out.Namespaces[i].Labels = only(out.Namespaces[i].Labels, func(key string) bool { return spaces[key] || strings.HasPrefix(key, podSecurity) })
	}
	return &out
}

// noteKeys notes the keys that a selector asks for.
func noteKeys(keys map[string]bool, s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	for k := range s.MatchLabels {
		keys[k] = true
	}
	for _, r := range s.MatchExpressions {
		keys[r.Key] = true
	}
}

func only(labels map[string]string, keep func(key string) bool) map[string]string {
	out := maps.Clone(labels)
	maps.DeleteFunc(out, func(k, _ string) bool { return !keep(k) })
	return out
}

// copyPolicies copies all policies of the namespaces that have shadows.
func (p *planner) copyPolicies() {
	for _, policy := range p.v.Policies {
		to, ok := p.name[policy.Namespace]
		if !ok {
			continue
		}
		c := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: to, Name: policy.Name}, Spec: *policy.Spec.DeepCopy()}
		for _, peer := range inventory.Peers(&c.Spec) {
			p.rename(peer.NamespaceSelector)
		}
		p.plan.Policies = append(p.plan.Policies, Policy{policy.Namespace + "/" + policy.Name, c})
	}
}

// rename has a selector that asks for names of namespaces ask for those of their shadows. Where it
// allows by a name, the original lets itself in no more: none of its pods has to do with a shadow.
// Where it shuts out by a name, the original stays shut out too.
func (p *planner) rename(s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	if original, ok := s.MatchLabels[corev1.LabelMetadataName]; ok {
		s.MatchLabels[corev1.LabelMetadataName] = p.shadowed(original)
	}
	for i := range s.MatchExpressions {
		r := &s.MatchExpressions[i]
		if r.Key != corev1.LabelMetadataName {
			continue
		}
		var values []string
		for _, original := range r.Values {
			if r.Operator == metav1.LabelSelectorOpNotIn {
				values = append(values, original)
			}
			values = append(values, p.shadowed(original))
		}
		slices.Sort(values)
		r.Values = slices.Compact(values)
	}
}

// shadowed is the name of a namespace's shadow, or its own: then nothing of it is asked about.
func (p *planner) shadowed(original string) string {
	if name, ok := p.name[original]; ok {
		return name
	}
	return original
}

// isShadow reports whether a namespace is one of the plan's.
func (p *Plan) isShadow(namespace string) bool {
	return slices.ContainsFunc(p.Namespaces, func(n Namespace) bool { return n.Name == namespace })
}

// Part is what of a state decides flows between the plan's pods: the shadows, and the nodes.
func (p *Plan) Part(v *inventory.Inventory) model.Snapshot {
	s := model.Snapshot{Nodes: v.Nodes}
	for _, n := range v.Namespaces {
		if p.isShadow(n.Name) {
			s.Namespaces = append(s.Namespaces, n)
		}
	}
	for i := range v.Pods {
		if p.isShadow(v.Pods[i].Namespace) {
			s.Pods = append(s.Pods, v.Pods[i])
		}
	}
	for _, policy := range v.Policies {
		if p.isShadow(policy.Namespace) {
			s.Policies = append(s.Policies, policy)
		}
	}
	return s
}
