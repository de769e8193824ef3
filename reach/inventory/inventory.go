package inventory

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
)

// Inventory is what policies can see of a cluster, and the Services that lead to its pods.
type Inventory struct {
	model.Snapshot
	Services []Service

	// Ignored are objects that no policy can see, by kind: nothing is lost with them.
	Ignored []Kind
	// Foreign are policies of other APIs, by kind. They can allow and deny what the
	// NetworkPolicies do not, and nothing here understands them.
	Foreign []Kind
}

// Service is what traffic and policies can meet of a Service.
type Service struct {
	Namespace, Name       string
	Type                  corev1.ServiceType // never empty: defaulted to ClusterIP
	Selector              map[string]string
	ClusterIPs            []netip.Addr // none of a headless one, nor of a manifest
	ExternalIPs           []netip.Addr // of the spec, and those that a load balancer gave
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy
	SourceRanges          []netip.Prefix // loadBalancerSourceRanges, masked
	Ports                 []ServicePort
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name     string
	Protocol corev1.Protocol // never empty: defaulted to TCP
	Port     uint16
	Target   intstr.IntOrString // never zero: defaulted to Port
	NodePort uint16             // 0: none
}

// Kind counts objects of one kind.
type Kind struct {
	APIVersion, Kind string
	N                int // or Uncounted
}

// Uncounted says that the API server has a kind, and that whoever asked may not list it.
const Uncounted = -1

// String is "Kind.group": what kubectl calls it.
func (k Kind) String() string {
	group, _, ok := strings.Cut(k.APIVersion, "/")
	if !ok {
		return k.Kind
	}
	return k.Kind + "." + group
}

// Key is namespace/name.
func (s Service) Key() string { return s.Namespace + "/" + s.Name }

// Selects reports whether the Service leads to a pod. One without selector leads to none that
// could be known from it.
func (s Service) Selects(p model.Pod) bool {
	if len(s.Selector) == 0 || s.Namespace != p.Namespace {
		return false
	}
	for k, v := range s.Selector {
		if have, ok := p.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// Sort orders every list by name, so that equal states are equal values.
func (v *Inventory) Sort() {
	v.Snapshot.Sort()
	slices.SortFunc(v.Services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, kinds := range [][]Kind{v.Ignored, v.Foreign} {
		slices.SortFunc(kinds, func(a, b Kind) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIVersion, b.APIVersion))
		})
	}
}

// ForeignPolicy reports whether objects of this kind are policies of another API than
// networking.k8s.io: those of ClusterNetworkPolicy's and AdminNetworkPolicy's groups, of Calico,
// of Cilium, of Antrea, of Istio and of Linkerd.
func ForeignPolicy(apiVersion, kind string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	groups := []string{
		"policy.networking.k8s.io", "crd.projectcalico.org", "projectcalico.org", "cilium.io",
		"crd.antrea.io", "security.istio.io", "policy.linkerd.io",
	}
	return slices.Contains(groups, group) && strings.HasSuffix(kind, "Policy")
}
