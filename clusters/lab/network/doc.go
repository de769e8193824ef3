// Package network lays the wires of a lab: a bridge in the namespace of the control plane,
// a network namespace per node joined to it by a veth, and a network namespace per pod,
// routed to its node.
//
//	control plane          node1 (namespace)              pod (namespace)
//	br-lab 172.30.0.1 ──── eth0 172.30.0.11
//	  blackhole default    default via 172.30.0.1
//	                       10.244.2.0/24 via node2
//	                       veth0a1b2c3d4e5         ────── eth0 10.244.1.7/32
//	                       10.244.1.7 dev veth0a1…        default via 10.244.1.1
//
// A namespace "world" is on the bridge beside the nodes. Every address of the ranges of
// documentation and benchmarks is its own, and the nodes route these ranges to it: it stands
// for all hosts outside of the cluster, and leads nowhere.
//
// This is the layout of Calico's plugin and its kin: the node's side of a pod has a name that
// namespace and name of the pod tell, and no address. 10.244.1.1 is nobody's, it stands for the
// node's side as the next hop; so a node speaks to its own pods from its own address, which
// engines know it by.
//
// The same in IPv6 with fd00:172:30::/64 and fd00:10:244:N::/64. Neighbours are permanent
// entries: no first packet waits for ARP or neighbour discovery, and the table, which the
// kernel shares among all namespaces, can't overflow.
//
// It decides addresses and routes only, and knows neither Kubernetes objects nor
// processes. It must run inside a sandbox and never adds a link or route that leads out:
// a packet to a foreign address ends at the control plane's blackhole route.
package network
