package cases

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
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
	Families() []corev1.IPFamily
}

// Bind makes an action fit for one cluster: logical namespaces become real ones, and
// placeholders in policies become names and addresses. The action itself is not changed.
// The error names the placeholder that can't be resolved.
func (a Action) Bind(b Binding) (Action, error) {
	panic("not yet")
}
