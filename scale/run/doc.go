// Package run is the measured run of one engine at one size: a small lab of real nodes,
// filled with hollow nodes and pods, in which changes are made one after another while
// one-way streams of packets show when each took effect.
//
// A run is a list of phases (run.go), each a small struct with what it needs: the controls
// (without an engine a deny must be seen to have no effect), the floor of the method, the
// baseline, the load, the engine's restart under load, the changes by kind, new pods, churn by
// the clock, cycles for the slope of memory, pod churn, and what is left when all is deleted.
// What only an agent costs is a shorter list: the load, a cold start, pod churn.
//
// It decides what is written when, and turns what probe/flows saw into samples. It must never
// judge by what an engine says of itself, never drop a sample that came too late, and never
// give a verdict when its controls did not hold: such a run is void, with the reasons.
//
// What is pure is in judge.go and, of the result, in result.go: without clock and cluster.
package run
