// Package controlplane runs the real control plane of a lab: etcd, kube-apiserver and
// kube-controller-manager, and a kube-proxy in each node's namespace.
//
// It decides flags and certificates: what makes the control plane quick and small on a
// laptop without changing what NetworkPolicies mean. It must never listen outside of the
// sandbox. clusters/lab sits above it.
package controlplane
