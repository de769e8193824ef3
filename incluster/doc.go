// Package incluster runs an experiment in a pod so that it always leaves results: for Sonobuoy,
// whose worker waits for a file called done, and for plain Jobs.
//
// It decides when an experiment is asked to end and when it is killed, where its results lie,
// and who says that they are there. Two processes share a volume: Run starts the experiment and
// lives as long as it does; Watch waits for the kernel to free Run's lock, which it does however
// Run dies, or for what hangs to be late enough, and then leaves what is there. Either writes
// results beside, then renames them, then writes done: nobody who sees done sees half of anything.
//
// What is green is decided in package outcome. This package must never read a cluster, and never
// wait without a bound. internal/cli runs it.
package incluster
