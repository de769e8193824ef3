// Package stats is the arithmetic of scale figures: quantiles of raw samples of which some
// never ended in time, their intervals, what a pod, a policy or a CIDR costs, whether memory
// grows from cycle to cycle, and how cost grows with size.
//
// A figure carries its n and its interval, or is not given: there is no mean here, and what
// the samples can't support is an error or an open interval, never a guess. Equal input
// gives equal bytes: nothing is drawn without a seed.
//
// It must never do I/O, nor know an engine, a transition or a file.
package stats
