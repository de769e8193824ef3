package cases

import (
	"encoding/json"
	"fmt"
	"net/netip"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Binding is what Bind needs to know of a real cluster.
type Binding interface {
	// Namespace is the real name of a logical namespace, also of one that does not exist
	// yet; it must always give the same answer.
	Namespace(logical string) string
	// PodIPs are the addresses of a pod by its logical key, "z/b", or of a node's
	// control prober, "node/1". None means that it has no address (yet).
	PodIPs(key string) []netip.Addr
	// Families are the IP families of the cluster's pods, primary first.
	Families() []model.Family
}

// Bind makes an action fit for one cluster: logical namespaces become real ones, and
// placeholders in policies become names and addresses. The action itself is not changed.
// Bind an action just before it is done: addresses of pods that earlier actions create are
// not known before. The error names the placeholder that can't be resolved.
func (a Action) Bind(b Binding) (Action, error) {
	switch {
	case a.Apply != nil:
		policy, err := bindPolicy(a.Apply, b)
		return Action{Apply: policy}, wrapBind(a, err)
	case a.Patch != nil:
		merge, err := bindJSON(a.Patch.Merge, b)
		return Action{Patch: &Patch{Ref: a.Patch.bind(b), Merge: merge}}, wrapBind(a, err)
	case a.Delete != nil:
		ref := a.Delete.bind(b)
		return Action{Delete: &ref}, nil
	case a.LabelPod != nil:
		return Action{LabelPod: &PodLabels{Ref: a.LabelPod.bind(b), Labels: a.LabelPod.Labels}}, nil
	case a.LabelNamespace != nil:
		name := b.Namespace(a.LabelNamespace.Name)
		return Action{LabelNamespace: &NamespaceLabels{Name: name, Labels: a.LabelNamespace.Labels}}, nil
	case a.CreatePod != nil:
		pod := *a.CreatePod
		pod.Ref = pod.bind(b)
		return Action{CreatePod: &pod}, nil
	case a.DeletePod != nil:
		ref := a.DeletePod.bind(b)
		return Action{DeletePod: &ref}, nil
	case a.CreateNamespace != nil:
		n := *a.CreateNamespace
		n.Name = b.Namespace(n.Name)
		return Action{CreateNamespace: &n}, nil
	default:
		return Action{DeleteNamespace: b.Namespace(a.DeleteNamespace)}, nil
	}
}

func wrapBind(a Action, err error) error {
	if err != nil {
		return fmt.Errorf("bind %s: %w", a, err)
	}
	return nil
}

func (r Ref) bind(b Binding) Ref { return Ref{Namespace: b.Namespace(r.Namespace), Name: r.Name} }

func bindPolicy(p *netv1.NetworkPolicy, b Binding) (*netv1.NetworkPolicy, error) {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return nil, err
	}
	resolved, err := bindJSON(spec, b)
	if err != nil {
		return nil, err
	}
	bound := &netv1.NetworkPolicy{TypeMeta: p.TypeMeta, ObjectMeta: *p.ObjectMeta.DeepCopy()}
	bound.Namespace = b.Namespace(p.Namespace)
	return bound, json.Unmarshal(resolved, &bound.Spec)
}

// bindJSON resolves the placeholders in a JSON text by its structure, never by text.
func bindJSON(text json.RawMessage, b Binding) (json.RawMessage, error) {
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	resolved, err := resolver{b}.tree(tree)
	if err != nil {
		return nil, err
	}
	return json.Marshal(resolved)
}
