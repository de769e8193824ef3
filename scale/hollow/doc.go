// Package hollow writes objects that have no machine behind them into a cluster: nodes with
// podCIDRs and leases, pods with a status and addresses of both families, and policies. An
// agent that watches the API server can't tell them from real ones.
//
// What there is to write, scale/load draws. Writer writes it, tells how far it is, keeps
// leases, and has pods run itself or leaves that to KWOK. It decides nothing about what is
// measured. It may wait for pods that others have bound to a node with a kubelet, and must
// never make one, or nobody knows whose status it has.
package hollow
