// Package clusters says what a suite needs of a Kubernetes cluster, wherever the cluster
// comes from: the lab (network namespaces, no Docker), kind, or a kubeconfig.
//
// It decides nothing and starts nothing; it is the interface that clusters/lab,
// clusters/kind and clusters/existing implement and that suites and scale consume, and how
// what a run has made in any of them is deleted.
package clusters
