// Package hollow fills a cluster with objects that have no machine behind them: nodes with
// podCIDRs, pods with a status and addresses of both families, and policies, at the size
// that a test asks for. An agent that watches the API server can't tell them from real ones.
//
// Size draws objects: the same size and seed give the same objects. Cluster writes them,
// tells how far it is, and churns them. Writer writes those of loads, and has them run
// itself or leaves that to KWOK. It decides nothing about what is measured. It may
// wait for pods that others have bound to a node with a kubelet, and must never make one, or
// nobody knows whose status it has.
package hollow
