package snapshot

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/reach/inventory"
)

// Kind is how a snapshot calls itself.
const Kind = "netassay-snapshot"

// Version is of the form that Write writes. Read takes it and all before it.
const Version = 1

// Header is what is known of a snapshot besides what it holds.
type Header struct {
	Kind     string `json:"kind"`
	Version  int    `json:"version"`
	Tool     string `json:"tool,omitempty"`   // that wrote it
	Source   string `json:"source,omitempty"` // "manifests", or the context's name; empty when redacted
	Redacted bool   `json:"redacted,omitempty"`
}

// file is the whole of a snapshot.
type file struct {
	Header
	Namespaces []namespace      `json:"namespaces"`
	Nodes      []node           `json:"nodes,omitempty"`
	Classes    []class          `json:"classes"`
	Policies   []policy         `json:"policies"`
	Services   []service        `json:"services,omitempty"`
	Ignored    []inventory.Kind `json:"ignored,omitempty"`
	Foreign    []inventory.Kind `json:"foreign,omitempty"`
}

type namespace struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

type node struct {
	Name     string         `json:"name"`
	IPs      []netip.Addr   `json:"ips,omitempty"`
	PodCIDRs []netip.Prefix `json:"podCIDRs,omitempty"`
}

// class is pods that differ in name, node and addresses only.
type class struct {
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels,omitempty"`
	Ports       []port            `json:"ports,omitempty"`
	HostNetwork bool              `json:"hostNetwork,omitempty"`
	Count       int               `json:"count"`
	Examples    []string          `json:"examples"` // names of the first members

	// One entry of each for a member: the index of its node in nodes, -1 for none, and its
	// addresses, with a space between.
	Nodes []int    `json:"nodes"`
	IPs   []string `json:"ips"`
}

type port struct {
	Name     string          `json:"name,omitempty"`
	Number   uint16          `json:"number"`
	Protocol corev1.Protocol `json:"protocol"`
}

type policy struct {
	Namespace string                  `json:"namespace"`
	Name      string                  `json:"name"`
	Spec      netv1.NetworkPolicySpec `json:"spec"`
}

type service struct {
	Namespace             string                              `json:"namespace"`
	Name                  string                              `json:"name"`
	Type                  corev1.ServiceType                  `json:"type"`
	Selector              map[string]string                   `json:"selector,omitempty"`
	ClusterIPs            []netip.Addr                        `json:"clusterIPs,omitempty"`
	ExternalIPs           []netip.Addr                        `json:"externalIPs,omitempty"`
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	SourceRanges          []netip.Prefix                      `json:"loadBalancerSourceRanges,omitempty"`
	Ports                 []servicePort                       `json:"ports,omitempty"`
}

type servicePort struct {
	Name     string             `json:"name,omitempty"`
	Protocol corev1.Protocol    `json:"protocol"`
	Port     uint16             `json:"port"`
	Target   intstr.IntOrString `json:"targetPort"`
	NodePort uint16             `json:"nodePort,omitempty"`
}
