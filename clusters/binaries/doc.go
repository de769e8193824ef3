// Package binaries finds or builds the programs that a lab runs: Kubernetes' own
// (kube-apiserver, etcd, kubectl and so on, one pinned version), this project's (netassay,
// enforcer, probe) and other projects' engines (Peers, pinned by version and content).
//
// It decides where a program comes from: KUBEBUILDER_ASSETS first, then the cache, else
// a build from the Go module proxy, and that only for what the caller wants. A program
// that is in the cache is complete: it got there by a rename, after it was built and
// synced, so a killed build leaves nothing that counts. Two processes that want the same
// program build it once.
//
// It must never start one of these programs, download anything but Go modules, or use
// a program of another version than Version without KUBEBUILDER_ASSETS saying so.
// clusters/lab and cmd/netassay sit above it; it knows nothing of them.
package binaries
