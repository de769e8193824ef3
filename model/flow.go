package model

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Flow is one connection attempt as a pod-side packet filter sees it: addresses after
// DNAT (a Service's cluster IP has become a pod IP) and before SNAT. Client and Server
// are of the same family and never v4-mapped. The client's port is not part of a Flow,
// because no NetworkPolicy can depend on it.
type Flow struct {
	Client   netip.Addr
	Server   netip.Addr
	Protocol corev1.Protocol // TCP, UDP or SCTP
	Port     uint16          // destination port, 1..65535
}

// String prints the flow as "10.0.0.1 -> 10.0.0.2:80/TCP".
func (f Flow) String() string {
	return fmt.Sprintf("%s -> %s/%s", f.Client, netip.AddrPortFrom(f.Server, f.Port), f.Protocol)
}

// Verdict is what the specification says about a flow.
type Verdict string

// The verdicts. Undefined marks what the API leaves to implementations (a pod to itself,
// ICMP): it is observed and reported, never judged.
const (
	Allow     Verdict = "Allow"
	Deny      Verdict = "Deny"
	Undefined Verdict = "Undefined"
)
