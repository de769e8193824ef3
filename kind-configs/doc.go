// Package kindconfigs holds the configurations of the clusters that kind starts: one per
// topology and IP family, each with a first line that says what it is for.
//
// They decide how many nodes there are, of which families, and how kube-proxy programs
// Services. None installs a network plugin: clusters/kind puts in a plain one that enforces
// nothing, so that all enforcement is the engine's under test.
//
// It must never hold what a run decides: names, images, ports.
package kindconfigs
