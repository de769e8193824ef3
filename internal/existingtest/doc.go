// Package existingtest holds tests alone: a lab is taken for somebody else's cluster, of which a
// kubeconfig is all that is known, by a user with the rights of examples/existing/rbac.yaml.
// Preflight, exec and whole runs go through a proxy that cuts streams and refuses requests.
//
// It decides nothing. It is neither in clusters, which know no suite, nor in suites, whose
// go test is a run on a cluster of the user's choice.
package existingtest
