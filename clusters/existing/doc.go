// Package existing is a cluster that somebody else runs: it is reached by a kubeconfig, or
// from inside by a pod's own service account.
//
// It decides which nodes can hold the suite's pods, which IP families pods have, what images
// are called there, and how a command is run in a pod: by the API server's exec, over
// WebSocket or, where that is refused, SPDY. Preflight finds out beforehand what would keep
// a suite from working, and says each thing in one line.
//
// It must never create anything but the namespaces that Preflight makes dry runs in, never
// change or delete what it has not made, and never take a command whose stream broke for
// one that ended.
//
// clusters/kind is built upon it.
package existing
