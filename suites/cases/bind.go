package cases

import (
	"encoding/json"
	"net/netip"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Binding is what binding a policy needs to know of a real cluster.
type Binding interface {
	// Namespace is the real name of a logical namespace, also of one that does not exist
	// yet; it must always give the same answer.
	Namespace(logical string) string
	// PodIPs are the addresses of a pod by its logical key, "z/b", or of a node's
	// control prober, "node/1", or of a host outside, "world/198.51.100.7". None means that it has no address (yet).
	PodIPs(key string) []netip.Addr
	// Families are the IP families of the cluster's pods, primary first.
	Families() []model.Family
}

// BindPolicy is a policy fit for one cluster: its logical namespace has become the real
// one, its placeholders names and addresses. The policy itself is not changed. The error
// names the placeholder that can't be resolved.
func BindPolicy(p *netv1.NetworkPolicy, b Binding) (*netv1.NetworkPolicy, error) {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return nil, err
	}
	resolved, err := BindJSON(spec, b)
	if err != nil {
		return nil, err
	}
	bound := &netv1.NetworkPolicy{TypeMeta: p.TypeMeta, ObjectMeta: *p.ObjectMeta.DeepCopy()}
	bound.Namespace = b.Namespace(p.Namespace)
	return bound, json.Unmarshal(resolved, &bound.Spec)
}

// BindJSON resolves the placeholders in a JSON text by its structure, never by text.
func BindJSON(text json.RawMessage, b Binding) (json.RawMessage, error) {
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
