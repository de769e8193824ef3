// Package watch keeps a Snapshot of the cluster up to date from the API server.
//
// It decides what is worth keeping of an object, and when a change is worth a sync:
// pods on the pod network that still run, their labels, addresses and ports; namespaces'
// labels; policies; the own node's addresses. Everything else that the API server sends
// is dropped while it is being decoded.
//
// It must never interpret a policy, and never show a Snapshot before every kind has been
// listed completely once: a Snapshot without its pods looks like a cluster to close down,
// one without its policies like a cluster to open up. What was listed stays valid when the
// API server goes away; there is no expiry.
//
// Memory decides how it is built: at 20,000 pods, the list at the start is what makes an
// agent large. So pods are streamed (WatchList), decoded from protobuf straight into a
// record of 200 bytes (see decode.go), and label maps, ports and names are shared.
package watch
