// Package probes asks containers whether they have started, are alive and are ready, as
// the Pod API defines probes: https://kubernetes.io/docs/concepts/workloads/pods/probes/.
//
// Tally decides what a series of results means and is pure; Check asks once; Run asks in
// time. What follows from the answers (restart, readiness) is not decided here.
package probes
