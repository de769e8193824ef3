// Package cilium starts Cilium's agent on each node, chained behind the lab's own network as its
// documentation of generic-veth chaining has it, and waits until each says that it is healthy.
//
//	profile.yaml ─▶ options ─▶ agent ◀── custom resources ◀── definitions beside the program
//	pod attached ─▶ cilium-cni ADD ─▶ agent ─▶ clang ─▶ BPF on the pod's link
//
// It decides what of a machine the agents of several nodes must not share: each has its own BPF
// file system, run directory, and copies of the two settings of the whole machine that an agent
// writes. No operator, no Envoy, no Hubble, no kube-proxy replacement. Pods that are older than the
// engine stay without it, as Cilium's plugin was never told of them.
//
// It must never touch the machine's own BPF file system, run directory or settings, and it judges
// nothing; what the agents enforce is found out by suites.
package cilium
