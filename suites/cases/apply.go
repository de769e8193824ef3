package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Apply is the state after a bound action, as an API server and kubelets would make it.
// The state given is not changed. A pod that is created gets the addresses after the
// highest ones in use on its node, so an address that a deleted pod had can come back.
// The error says which object is missing, or there already.
func Apply(s model.Snapshot, a Action) (model.Snapshot, error) {
	s.Namespaces = slices.Clone(s.Namespaces)
	s.Pods = slices.Clone(s.Pods)
	s.Policies = slices.Clone(s.Policies)
	err := applyTo(&s, a)
	return s, err
}

func applyTo(s *model.Snapshot, a Action) error {
	switch {
	case a.Apply != nil:
		return applyPolicy(s, a.Apply)
	case a.Patch != nil:
		return patchPolicy(s, a.Patch)
	case a.Delete != nil:
		return deletePolicy(s, *a.Delete)
	case a.LabelPod != nil:
		return labelPod(s, a.LabelPod)
	case a.LabelNamespace != nil:
		return labelNamespace(s, a.LabelNamespace)
	case a.CreatePod != nil:
		return createPod(s, *a.CreatePod)
	case a.DeletePod != nil:
		return deletePod(s, *a.DeletePod)
	case a.CreateNamespace != nil:
		return createNamespace(s, *a.CreateNamespace)
	default:
		return deleteNamespace(s, a.DeleteNamespace)
	}
}

func applyPolicy(s *model.Snapshot, p *netv1.NetworkPolicy) error {
	if namespaceIndex(s, p.Namespace) < 0 {
		return fmt.Errorf("apply policy %s/%s: namespace does not exist", p.Namespace, p.Name)
	}
	if i := policyIndex(s, Ref{p.Namespace, p.Name}); i >= 0 {
		s.Policies[i] = p
	} else {
		s.Policies = append(s.Policies, p)
	}
	return nil
}

func patchPolicy(s *model.Snapshot, p *Patch) error {
	i := policyIndex(s, p.Ref)
	if i < 0 {
		return fmt.Errorf("patch policy %s: does not exist", p.Key())
	}
	patched, err := merge(s.Policies[i], p.Merge)
	if err != nil {
		return fmt.Errorf("patch policy %s: %w", p.Key(), err)
	}
	s.Policies[i] = patched
	return nil
}

func merge(policy *netv1.NetworkPolicy, patch json.RawMessage) (*netv1.NetworkPolicy, error) {
	before, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return nil, err
	}
	var merged netv1.NetworkPolicy
	return &merged, json.Unmarshal(after, &merged)
}

func deletePolicy(s *model.Snapshot, r Ref) error {
	i := policyIndex(s, r)
	if i < 0 {
		return fmt.Errorf("delete policy %s: does not exist", r.Key())
	}
	s.Policies = slices.Delete(s.Policies, i, i+1)
	return nil
}

func labelPod(s *model.Snapshot, l *PodLabels) error {
	i := podIndex(s, l.Ref)
	if i < 0 {
		return fmt.Errorf("label pod %s: does not exist", l.Key())
	}
	s.Pods[i].Labels = relabelled(s.Pods[i].Labels, l.Labels)
	return nil
}

func labelNamespace(s *model.Snapshot, l *NamespaceLabels) error {
	i := namespaceIndex(s, l.Name)
	if i < 0 {
		return fmt.Errorf("label namespace %s: does not exist", l.Name)
	}
	s.Namespaces[i].Labels = relabelled(s.Namespaces[i].Labels, l.Labels)
	return nil
}

// relabelled is a copy of labels with the changes made.
func relabelled(labels map[string]string, changes map[string]*string) map[string]string {
	after := maps.Clone(labels)
	if after == nil {
		after = map[string]string{}
	}
	for k, v := range changes {
		if v == nil {
			delete(after, k)
		} else {
			after[k] = *v
		}
	}
	return after
}

func createPod(s *model.Snapshot, p Pod) error {
	if podIndex(s, p.Ref) >= 0 {
		return fmt.Errorf("create pod %s: exists already", p.Key())
	}
	if namespaceIndex(s, p.Namespace) < 0 {
		return fmt.Errorf("create pod %s: namespace does not exist", p.Key())
	}
	s.Pods = append(s.Pods, modelPod(p, nextIPs(s, nodeName(p.Node))))
	return nil
}

// nextIPs are the addresses after the highest ones of the pods on a node, per family.
func nextIPs(s *model.Snapshot, node string) []netip.Addr {
	highest := map[model.Family]netip.Addr{}
	for _, p := range s.Pods {
		if p.HostNetwork || p.Node != node {
			continue
		}
		for _, ip := range p.IPs {
			if f := model.FamilyOf(ip); highest[f].Less(ip) {
				highest[f] = ip
			}
		}
	}
	var ips []netip.Addr
	for _, f := range model.Dual.List() {
		if ip, ok := highest[f]; ok {
			ips = append(ips, ip.Next())
		}
	}
	return ips
}

func deletePod(s *model.Snapshot, r Ref) error {
	i := podIndex(s, r)
	if i < 0 {
		return fmt.Errorf("delete pod %s: does not exist", r.Key())
	}
	s.Pods = slices.Delete(s.Pods, i, i+1)
	return nil
}

func createNamespace(s *model.Snapshot, n Namespace) error {
	if namespaceIndex(s, n.Name) >= 0 {
		return fmt.Errorf("create namespace %s: exists already", n.Name)
	}
	s.Namespaces = append(s.Namespaces, modelNamespace(n))
	return nil
}

func deleteNamespace(s *model.Snapshot, name string) error {
	i := namespaceIndex(s, name)
	if i < 0 {
		return fmt.Errorf("delete namespace %s: does not exist", name)
	}
	s.Namespaces = slices.Delete(s.Namespaces, i, i+1)
	s.Pods = slices.DeleteFunc(s.Pods, func(p model.Pod) bool { return p.Namespace == name })
	s.Policies = slices.DeleteFunc(s.Policies, func(p *netv1.NetworkPolicy) bool { return p.Namespace == name })
	return nil
}

func namespaceIndex(s *model.Snapshot, name string) int {
	return slices.IndexFunc(s.Namespaces, func(n model.Namespace) bool { return n.Name == name })
}

func podIndex(s *model.Snapshot, r Ref) int {
	return slices.IndexFunc(s.Pods, func(p model.Pod) bool { return p.Namespace == r.Namespace && p.Name == r.Name })
}

func policyIndex(s *model.Snapshot, r Ref) int {
	return slices.IndexFunc(s.Policies, func(p *netv1.NetworkPolicy) bool {
		return p.Namespace == r.Namespace && p.Name == r.Name
	})
}
